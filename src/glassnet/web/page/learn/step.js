// Trace of one training step: the eight steps of the walkthrough with the numbers of the next batch.
//
// All numbers are computed by the library on the server.

import { element } from "/shared/elements.js";
import { format } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";
import { diverging } from "/shared/theme.js";

/** The eight steps. */
const PHASES = ["structure", "weights", "activation", "forward", "loss", "backward", "update", "training"];
const MAX_ROWS = 8;
const MAX_COLUMNS = 8;

/** The panel. */
export function makeStep(store) {
  const phaseList = element("ol", { class: "learn-steps" });
  const stages = element("div", { class: "learn-stages", role: "group", "aria-label": t("learn.step.stages") });
  const title = element("h3", { tabindex: "-1" });
  const formula = element("p", { class: "learn-step-formula" });
  const about = element("p", { class: "hint" });
  const arrays = element("div", { class: "learn-arrays" });
  const derivation = element("p", { class: "learn-derivation", "aria-live": "polite" });
  const matchStatus = element("p", { class: "learn-match", role: "status" });
  const back = element("button", { type: "button", text: t("learn.step.back"), onclick: () => go(-1) });
  const next = element("button", { type: "button", class: "main learn-next", onclick: () => go(1) });
  const close = element("button", { type: "button", text: t("learn.step.close"), onclick: () => { store.trace = null; store.draw(); } });
  const root = element("section", { class: "card learn-step", "aria-label": t("learn.step"), hidden: true, onkeydown: onKey },
    element("div", { class: "row learn-step-head" }, element("h2", { text: t("learn.step") }), back, next, close),
    phaseList, stages,
    element("div", { class: "learn-stage-body" }, title, formula, about, matchStatus, arrays, derivation));
  let drawnTrace = null;
  let selectedCell = null;

  function go(by) {
    const { matches, index } = store.trace;
    if (matches !== null) store.send({ command: "trace" });
    else store.showStage(index + by);
  }

  function onKey(event) {
    if (event.target.closest("table, select, input")) return;
    if (event.key === "ArrowRight" && store.trace.matches === null) go(1);
    else if (event.key === "ArrowLeft") go(-1);
    else return;
    event.preventDefault();
  }

  function draw() {
    root.hidden = store.trace === null;
    if (store.trace === null || drawnTrace === store.trace) {
      drawnTrace = store.trace;
      return;
    }
    const isNew = drawnTrace === null;
    drawnTrace = store.trace;
    selectedCell = null;
    const { content: trace, index } = store.trace;
    const isDone = store.trace.matches !== null;
    const stage = trace.stages[index];
    phaseList.replaceChildren(...PHASES.map((name, at) => element("li", { "aria-current": (isDone ? "training" : stage.step) === name && "step", class: at < 3 && "known" },
      element("strong", { text: t(`learn.phase.${name}`) }), " ", element("span", { class: "soft", text: phaseSummary(name, trace) }))));
    stages.replaceChildren(...trace.stages.map((each, at) => element("button", {
      type: "button", class: `learn-stage-button of-${each.step}`, text: each.name, "aria-pressed": String(at === index && !isDone),
      "aria-label": `${t(`learn.phase.${each.step}`)}: ${each.name}`, disabled: isDone, onclick: () => store.showStage(at),
    })));
    back.disabled = index === 0 || isDone;
    next.textContent = t(isDone ? "learn.step.another" : index + 1 < trace.stages.length ? "learn.step.next" : "learn.step.take");
    matchStatus.textContent = isDone ? t(store.trace.matches ? "learn.step.matches" : "learn.step.differs") : "";
    if (isDone) {
      title.textContent = t("learn.phase.training");
      formula.replaceChildren();
      about.textContent = t("learn.step.taken", { step: number(trace.step), batch: number(trace.batch), batches: number(trace.batches), epoch: number(trace.epoch) });
      arrays.replaceChildren();
      derivation.textContent = "";
    } else {
      title.textContent = `${t(`learn.phase.${stage.step}`)}: ${stage.name}`;
      formula.replaceChildren(element("code", { text: formulaOf(stage, trace) }));
      about.textContent = stageDescription(stage, trace);
      arrays.replaceChildren(...arraysOf(stage, trace).map(([name, label]) => tableOf(name, label, trace, stage)));
      derivation.textContent = stage.step === "loss" ? lossDerivation(trace) : t("learn.step.choose");
    }
    if (isNew) {
      root.scrollIntoView({ block: "nearest" });
      title.focus({ preventScroll: true });
    }
  }

  function phaseSummary(name, trace) {
    const last = trace.layers.length - 1;
    return {
      structure: trace.layers.join("–"),
      weights: store.run?.plan.settings.initializer ?? "",
      activation: trace.activations.join(", "),
      forward: `x → z1, a1 → … → a${last}`,
      loss: `${trace.loss_name}: ${format(trace.loss)}`,
      backward: `dz${last} → dW${last} → … → dW1`,
      update: `${trace.optimizer}, ${t("learn.step.rate", { rate: format(trace.learning_rate) })}`,
      training: t("learn.step.batch", { batch: number(trace.batch), batches: number(trace.batches), epoch: number(trace.epoch) }),
    }[name];
  }

  function formulaOf({ step, name, layer, input, activation, source }, trace) {
    const kind = name.slice(0, -String(layer).length);
    if (step === "forward") return kind === "z" ? `${name} = ${input} W${layer} + b${layer}` : `${name} = ${activation}(z${layer})`;
    if (step === "loss") return trace.penalty ? "loss = mean(loss of each row) + penalty" : "loss = mean(loss of each row)";
    if (step === "update") return trace.is_plain ? `${name} ← ${name} − ${format(trace.learning_rate)} · d${name}` : `${name} ← ${name} − ${format(trace.learning_rate)} · u,  u = ${trace.optimizer}(d${name})`;
    if (name.startsWith("dz")) return source === "loss" ? `${name} = ∂loss/∂z${layer}` : `${name} = da${layer} ⊙ ${source}′(z${layer})`;
    if (name.startsWith("dW")) return `${name} = ${layerInput(layer, trace)}ᵀ dz${layer}`;
    if (name.startsWith("db")) return `${name} = Σ dz${layer}`;
    return `${name} = dz${layer} W${layer}ᵀ`;
  }

  function stageDescription({ step, name, source, layer }, trace) {
    if (step === "forward") return t(name.startsWith("z") ? "learn.stage.z" : "learn.stage.a", { rows: number(trace.rows) });
    if (step === "loss") return t("learn.stage.loss", { name: trace.loss_name });
    if (step === "update") return t(trace.is_plain ? "learn.stage.update.plain" : "learn.stage.update", { name: trace.optimizer });
    if (name.startsWith("dz")) return t(source === "loss" ? "learn.stage.dz.loss" : "learn.stage.dz", { name: trace.loss_name, link: trace.link ?? "identity", layer: number(layer) });
    return t({ dW: "learn.stage.dW", db: "learn.stage.db", da: "learn.stage.da" }[name.slice(0, 2)]);
  }

  /** The input arrays of a stage, and last its output. */
  function arraysOf(stage, trace) {
    const { step, name, layer, input, source } = stage;
    const last = trace.layers.length - 1;
    const chosen = {
      forward: name.startsWith("z") ? [input, `W${layer}`, `b${layer}`, name] : [`z${layer}`, name],
      loss: [trace.link ? `z${last}` : null, `a${last}`, "y", "loss_per_sample"],
      update: [name, `d${name}.clipped` in trace.arrays ? `d${name}.clipped` : `d${name}`, `${name}.change`, `${name}.after`],
    }[step] ?? {
      dz: source === "loss" ? [`a${last}`, "y", name] : name === `dz${last}` ? [`z${layer}`, `a${layer}`, "y", name] : [`da${layer}`, `z${layer}`, `a${layer}`, name],
      dW: [layerInput(layer, trace), `dz${layer}`, name],
      db: [`dz${layer}`, name],
      da: [`dz${layer}`, `W${layer}`, name],
    }[name.slice(0, 2)];
    return chosen.filter((key) => key !== null && key in trace.arrays).map((key) => [key, labelOf(key)]);
  }

  function labelOf(key) {
    if (key === "loss_per_sample") return t("learn.step.loss_per_sample");
    if (key.endsWith(".after")) return t("learn.step.after", { name: key.slice(0, -6) });
    if (key.endsWith(".change")) return t("learn.step.change", { name: key.slice(0, -7) });
    if (key.endsWith(".clipped")) return t("learn.step.clipped", { name: key.slice(0, -8) });
    return key;
  }

  function layerInput(layer, trace) {
    return `h${layer - 1}` in trace.arrays ? `h${layer - 1}` : layer === 1 ? "x" : `a${layer - 1}`;
  }

  /** An excerpt of an array as a table with colored cells. */
  function tableOf(key, label, trace, stage) {
    const { shape, values, min, max } = trace.arrays[key];
    const reach = Math.max(Math.abs(min), Math.abs(max)) || 1;
    const isRow = shape.length === 1;
    const [rows, columns] = [Math.min(values.length, MAX_ROWS), Math.min(values[0].length, MAX_COLUMNS)];
    const isExcerpt = (isRow ? false : shape[0] > rows) || shape.at(-1) > columns;
    const body = values.slice(0, rows).map((row, i) => element("tr", {}, row.slice(0, columns).map((value, j) => {
      const cell = element("td", {
        class: "number", text: format(value), tabindex: i === 0 && j === 0 ? "0" : "-1", title: String(value), data: { i, j },
        style: { "--tint": diverging(value === null ? 0 : (0.42 * value) / reach) },
        onclick: () => selectEntry(key, i, j, cell, trace, stage), onfocus: () => selectEntry(key, i, j, cell, trace, stage),
        onkeydown: (event) => moveFocus(event, cell),
      });
      return cell;
    })));
    return element("figure", { class: "learn-array", data: { array: key } },
      element("figcaption", {}, element("strong", { text: label }), " ", element("span", { class: "soft", text: isRow ? `(${shape[0]})` : `(${shape.join("×")})` })),
      element("div", { class: "scroll" }, element("table", { class: "learn-table", "aria-label": label }, element("tbody", {}, body))),
      isExcerpt && element("p", { class: "hint", text: t("learn.step.excerpt", { min: format(min, 3), max: format(max, 3) }) }));
  }

  function moveFocus(event, cell) {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const to = cell.closest("table").querySelector(`[data-i="${Number(cell.dataset.i) + step[0]}"][data-j="${Number(cell.dataset.j) + step[1]}"]`);
    if (to === null) return;
    cell.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  }

  /** Show how an entry is computed. */
  function selectEntry(key, i, j, cell, trace, stage) {
    selectedCell?.classList.remove("chosen");
    selectedCell = cell;
    cell.classList.add("chosen");
    derivation.textContent = entryDerivation(key, i, j, trace, stage) ?? `${labelOf(key)}[${trace.arrays[key].shape.length > 1 ? `${i}, ${j}` : j}] = ${cell.title}`;
  }

  function entryDerivation(key, i, j, trace, stage) {
    const at = (name, row, column) => trace.arrays[name].values[row]?.[column];
    const terms = (count, total, term) => {
      const shown = Array.from({ length: Math.min(count, 4) }, (_, k) => term(k));
      return shown.join(" + ") + (total > shown.length ? " + …" : "");
    };
    const times = (a, b) => `${parenthesized(a)}·${parenthesized(b)}`;
    const { layer, input } = stage;
    if (key === `z${layer}` && stage.name === key) {
      const total = trace.arrays[`W${layer}`].shape[0];
      return `${key}[${i}, ${j}] = ${terms(total, total, (k) => times(at(input, i, k), at(`W${layer}`, k, j)))} + ${parenthesized(at(`b${layer}`, 0, j))} = ${format(at(key, i, j))}`;
    }
    if (key === `a${layer}` && stage.name === key) return `${key}[${i}, ${j}] = ${stage.activation}(${format(at(`z${layer}`, i, j))}) = ${format(at(key, i, j))}`;
    if (key === stage.name && key.startsWith("dW")) {
      return `${key}[${i}, ${j}] = ${terms(trace.rows, trace.rows, (k) => times(at(layerInput(layer, trace), k, i), at(`dz${layer}`, k, j)))} = ${format(at(key, i, j))}`;
    }
    if (key === stage.name && key.startsWith("db")) return `${key}[${j}] = ${terms(trace.rows, trace.rows, (k) => parenthesized(at(`dz${layer}`, k, j)))} = ${format(at(key, 0, j))}`;
    if (key === stage.name && key.startsWith("da")) {
      const total = trace.arrays[`W${layer}`].shape[1];
      return `${key}[${i}, ${j}] = ${terms(total, total, (k) => times(at(`dz${layer}`, i, k), at(`W${layer}`, j, k)))} = ${format(at(key, i, j))}`;
    }
    if (stage.step === "update" && key === `${stage.name}.after`) {
      const index = trace.arrays[stage.name].shape.length > 1 ? `${i}, ${j}` : `${j}`;
      const gradient = `d${stage.name}.clipped` in trace.arrays ? `d${stage.name}.clipped` : `d${stage.name}`;
      const taken = trace.is_plain ? `− ${format(trace.learning_rate)}·${parenthesized(at(gradient, i, j))}` : `+ ${parenthesized(at(`${stage.name}.change`, i, j))}`;
      return `${stage.name}[${index}] = ${format(at(stage.name, i, j))} ${taken} = ${format(at(key, i, j))}`;
    }
    return null;
  }

  function lossDerivation(trace) {
    const penalty = trace.penalty ? ` + ${format(trace.penalty)}` : "";
    return `loss = ${format(trace.mean_loss)}${penalty}${penalty ? ` = ${format(trace.loss)}` : ""}`;
  }

  return { root, draw };
}

/** Format a number as an operand: negative numbers in parentheses. */
function parenthesized(value) {
  return value < 0 ? `(${format(value)})` : format(value);
}
