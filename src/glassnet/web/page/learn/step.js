// One step, slowly: the eight steps of the walkthrough by their names, each with the numbers of the batch that comes next.
//
// All numbers come from the server, which has the library compute them; here they are only written.

import { element } from "/shared/elements.js";
import { shown } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";
import { diverging } from "/shared/theme.js";

/** The eight steps, and which stage of the walk belongs to which. */
const STEPS = ["structure", "weights", "activation", "forward", "loss", "backward", "update", "training"];
const MOST_ROWS = 8;
const MOST_COLUMNS = 8;

/** The panel. */
export function makeStep(desk) {
  const list = element("ol", { class: "learn-steps" });
  const stages = element("div", { class: "learn-stages", role: "group", "aria-label": t("learn.step.stages") });
  const title = element("h3", { tabindex: "-1" });
  const formula = element("p", { class: "learn-step-formula" });
  const about = element("p", { class: "hint" });
  const arrays = element("div", { class: "learn-arrays" });
  const inWords = element("p", { class: "learn-sum", "aria-live": "polite" });
  const agrees = element("p", { class: "learn-agrees", role: "status" });
  const back = element("button", { type: "button", text: t("learn.step.back"), onclick: () => go(-1) });
  const next = element("button", { type: "button", class: "main learn-next", onclick: () => go(1) });
  const close = element("button", { type: "button", text: t("learn.step.close"), onclick: () => { desk.walk = null; desk.draw(); } });
  const root = element("section", { class: "card learn-step", "aria-label": t("learn.step"), hidden: true, onkeydown: keys },
    element("div", { class: "row learn-step-head" }, element("h2", { text: t("learn.step") }), back, next, close),
    list, stages,
    element("div", { class: "learn-stage-body" }, title, formula, about, agrees, arrays, inWords));
  let drawnFor = null;
  let cell = null;

  function go(by) {
    const walk = desk.walk;
    if (walk.agrees !== null) desk.order({ do: "walk" });
    else desk.walkTo(walk.place + by);
  }

  function keys(event) {
    if (event.target.closest("table, select, input")) return;
    if (event.key === "ArrowRight" && desk.walk.agrees === null) go(1);
    else if (event.key === "ArrowLeft") go(-1);
    else return;
    event.preventDefault();
  }

  function draw() {
    root.hidden = desk.walk === null;
    if (desk.walk === null || drawnFor === desk.walk) {
      drawnFor = desk.walk;
      return;
    }
    const opened = drawnFor === null;
    drawnFor = desk.walk;
    cell = null;
    const { told, place } = desk.walk;
    const done = desk.walk.agrees !== null;
    const stage = told.stages[place];
    list.replaceChildren(...STEPS.map((name, at) => element("li", { "aria-current": (done ? "training" : stage.step) === name && "step", class: at < 3 && "known" },
      element("strong", { text: t(`learn.eight.${name}`) }), " ", element("span", { class: "soft", text: aboutStep(name, told) }))));
    stages.replaceChildren(...told.stages.map((each, at) => element("button", {
      type: "button", class: `learn-stage-button of-${each.step}`, text: each.name, "aria-pressed": String(at === place && !done),
      "aria-label": `${t(`learn.eight.${each.step}`)}: ${each.name}`, disabled: done, onclick: () => desk.walkTo(at),
    })));
    back.disabled = place === 0 || done;
    next.textContent = t(done ? "learn.step.another" : place + 1 < told.stages.length ? "learn.step.next" : "learn.step.take");
    agrees.textContent = done ? t(desk.walk.agrees ? "learn.step.agrees" : "learn.step.differs") : "";
    if (done) {
      title.textContent = t("learn.eight.training");
      formula.replaceChildren();
      about.textContent = t("learn.step.taken", { step: number(told.step), batch: number(told.batch), batches: number(told.batches), epoch: number(told.epoch) });
      arrays.replaceChildren();
      inWords.textContent = "";
    } else {
      title.textContent = `${t(`learn.eight.${stage.step}`)}: ${stage.name}`;
      formula.replaceChildren(element("code", { text: formulaOf(stage, told) }));
      about.textContent = aboutStage(stage, told);
      arrays.replaceChildren(...arraysOf(stage, told).map(([name, label]) => tableOf(name, label, told, stage)));
      inWords.textContent = stage.step === "loss" ? lossInWords(told) : t("learn.step.choose");
    }
    if (opened) {
      root.scrollIntoView({ block: "nearest" });
      title.focus({ preventScroll: true });
    }
  }

  function aboutStep(name, told) {
    const last = told.layers.length - 1;
    return {
      structure: told.layers.join("–"),
      weights: desk.run?.plan.settings.initializer ?? "",
      activation: told.activations.join(", "),
      forward: `x → z1, a1 → … → a${last}`,
      loss: `${told.loss_name}: ${shown(told.loss)}`,
      backward: `dz${last} → dW${last} → … → dW1`,
      update: `${told.optimizer}, ${t("learn.step.rate", { rate: shown(told.rate) })}`,
      training: t("learn.step.batch", { batch: number(told.batch), batches: number(told.batches), epoch: number(told.epoch) }),
    }[name];
  }

  function formulaOf({ step, name, layer, given, activation, through }, told) {
    const kind = name.slice(0, -String(layer).length);
    if (step === "forward") return kind === "z" ? `${name} = ${given} W${layer} + b${layer}` : `${name} = ${activation}(z${layer})`;
    if (step === "loss") return told.penalty ? "loss = mean(loss of each row) + penalty" : "loss = mean(loss of each row)";
    if (step === "update") return told.plain ? `${name} ← ${name} − ${shown(told.rate)} · d${name}` : `${name} ← ${name} − ${shown(told.rate)} · u,  u = ${told.optimizer}(d${name})`;
    if (name.startsWith("dz")) return through === "loss" ? `${name} = ∂loss/∂z${layer}` : `${name} = da${layer} ⊙ ${through}′(z${layer})`;
    if (name.startsWith("dW")) return `${name} = ${before(layer, told)}ᵀ dz${layer}`;
    if (name.startsWith("db")) return `${name} = Σ dz${layer}`;
    return `${name} = dz${layer} W${layer}ᵀ`;
  }

  function aboutStage({ step, name, through, layer }, told) {
    if (step === "forward") return t(name.startsWith("z") ? "learn.stage.z" : "learn.stage.a", { rows: number(told.rows) });
    if (step === "loss") return t("learn.stage.loss", { name: told.loss_name });
    if (step === "update") return t(told.plain ? "learn.stage.update.plain" : "learn.stage.update", { name: told.optimizer });
    if (name.startsWith("dz")) return t(through === "loss" ? "learn.stage.dz.loss" : "learn.stage.dz", { name: told.loss_name, link: told.link ?? "identity", layer: number(layer) });
    return t({ dW: "learn.stage.dW", db: "learn.stage.db", da: "learn.stage.da" }[name.slice(0, 2)]);
  }

  /** The arrays that a stage takes, and, last, what it makes. */
  function arraysOf(stage, told) {
    const { step, name, layer, given, through } = stage;
    const last = told.layers.length - 1;
    const chosen = {
      forward: name.startsWith("z") ? [given, `W${layer}`, `b${layer}`, name] : [`z${layer}`, name],
      loss: [told.link ? `z${last}` : null, `a${last}`, "y", "each"],
      update: [name, `d${name}.clipped` in told.arrays ? `d${name}.clipped` : `d${name}`, `${name}.change`, `${name}.after`],
    }[step] ?? {
      dz: through === "loss" ? [`a${last}`, "y", name] : name === `dz${last}` ? [`z${layer}`, `a${layer}`, "y", name] : [`da${layer}`, `z${layer}`, `a${layer}`, name],
      dW: [before(layer, told), `dz${layer}`, name],
      db: [`dz${layer}`, name],
      da: [`dz${layer}`, `W${layer}`, name],
    }[name.slice(0, 2)];
    return chosen.filter((key) => key !== null && key in told.arrays).map((key) => [key, labelOf(key)]);
  }

  function labelOf(key) {
    if (key === "each") return t("learn.step.each");
    if (key.endsWith(".after")) return t("learn.step.after", { name: key.slice(0, -6) });
    if (key.endsWith(".change")) return t("learn.step.change", { name: key.slice(0, -7) });
    if (key.endsWith(".clipped")) return t("learn.step.clipped", { name: key.slice(0, -8) });
    return key;
  }

  function before(layer, told) {
    return `h${layer - 1}` in told.arrays ? `h${layer - 1}` : layer === 1 ? "x" : `a${layer - 1}`;
  }

  /** An array as a table of numbers, tinted; its first rows and columns where it is large. */
  function tableOf(key, label, told, stage) {
    const { shape, values, least, most } = told.arrays[key];
    const reach = Math.max(Math.abs(least), Math.abs(most)) || 1;
    const isRow = shape.length === 1;
    const [rows, columns] = [Math.min(values.length, MOST_ROWS), Math.min(values[0].length, MOST_COLUMNS)];
    const cut = (isRow ? false : shape[0] > rows) || shape.at(-1) > columns;
    const body = values.slice(0, rows).map((row, i) => element("tr", {}, row.slice(0, columns).map((value, j) => {
      const td = element("td", {
        class: "number", text: shown(value), tabindex: i === 0 && j === 0 ? "0" : "-1", title: String(value), data: { i, j },
        style: { "--tint": diverging(value === null ? 0 : (0.42 * value) / reach) },
        onclick: () => choose(key, i, j, td, told, stage), onfocus: () => choose(key, i, j, td, told, stage),
        onkeydown: (event) => moveIn(event, td),
      });
      return td;
    })));
    return element("figure", { class: "learn-array", data: { array: key } },
      element("figcaption", {}, element("strong", { text: label }), " ", element("span", { class: "soft", text: isRow ? `(${shape[0]})` : `(${shape.join("×")})` })),
      element("div", { class: "scroll" }, element("table", { class: "learn-table", "aria-label": label }, element("tbody", {}, body))),
      cut && element("p", { class: "hint", text: t("learn.step.cut", { least: shown(least, 3), most: shown(most, 3) }) }));
  }

  function moveIn(event, td) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const to = td.closest("table").querySelector(`[data-i="${Number(td.dataset.i) + step[0]}"][data-j="${Number(td.dataset.j) + step[1]}"]`);
    if (to === null) return;
    td.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  }

  /** Write out how one entry came about, with the numbers put in. */
  function choose(key, i, j, td, told, stage) {
    cell?.classList.remove("chosen");
    cell = td;
    td.classList.add("chosen");
    inWords.textContent = sumOf(key, i, j, told, stage) ?? `${labelOf(key)}[${told.arrays[key].shape.length > 1 ? `${i}, ${j}` : j}] = ${td.title}`;
  }

  function sumOf(key, i, j, told, stage) {
    const at = (name, row, column) => told.arrays[name].values[row]?.[column];
    const terms = (count, all, term) => {
      const written = Array.from({ length: Math.min(count, 4) }, (_, k) => term(k));
      return written.join(" + ") + (all > written.length ? " + …" : "");
    };
    const times = (a, b) => `${signedNumber(a)}·${signedNumber(b)}`;
    const { layer, given } = stage;
    if (key === `z${layer}` && stage.name === key) {
      const all = told.arrays[`W${layer}`].shape[0];
      return `${key}[${i}, ${j}] = ${terms(all, all, (k) => times(at(given, i, k), at(`W${layer}`, k, j)))} + ${signedNumber(at(`b${layer}`, 0, j))} = ${shown(at(key, i, j))}`;
    }
    if (key === `a${layer}` && stage.name === key) return `${key}[${i}, ${j}] = ${stage.activation}(${shown(at(`z${layer}`, i, j))}) = ${shown(at(key, i, j))}`;
    if (key === stage.name && key.startsWith("dW")) {
      return `${key}[${i}, ${j}] = ${terms(told.rows, told.rows, (k) => times(at(before(layer, told), k, i), at(`dz${layer}`, k, j)))} = ${shown(at(key, i, j))}`;
    }
    if (key === stage.name && key.startsWith("db")) return `${key}[${j}] = ${terms(told.rows, told.rows, (k) => signedNumber(at(`dz${layer}`, k, j)))} = ${shown(at(key, 0, j))}`;
    if (key === stage.name && key.startsWith("da")) {
      const all = told.arrays[`W${layer}`].shape[1];
      return `${key}[${i}, ${j}] = ${terms(all, all, (k) => times(at(`dz${layer}`, i, k), at(`W${layer}`, j, k)))} = ${shown(at(key, i, j))}`;
    }
    if (stage.step === "update" && key === `${stage.name}.after`) {
      const place = told.arrays[stage.name].shape.length > 1 ? `${i}, ${j}` : `${j}`;
      const gradient = `d${stage.name}.clipped` in told.arrays ? `d${stage.name}.clipped` : `d${stage.name}`;
      const taken = told.plain ? `− ${shown(told.rate)}·${signedNumber(at(gradient, i, j))}` : `+ ${signedNumber(at(`${stage.name}.change`, i, j))}`;
      return `${stage.name}[${place}] = ${shown(at(stage.name, i, j))} ${taken} = ${shown(at(key, i, j))}`;
    }
    return null;
  }

  function lossInWords(told) {
    const penalty = told.penalty ? ` + ${shown(told.penalty)}` : "";
    return `loss = ${shown(told.mean_loss)}${penalty}${penalty ? ` = ${shown(told.loss)}` : ""}`;
  }

  return { root, draw };
}

/** A number that may stand behind an operator: a negative one in brackets. */
function signedNumber(value) {
  return value < 0 ? `(${shown(value)})` : shown(value);
}
