// What is chosen: data, network, loss, optimizer, schedule and the rest, all from the library's tables.

import { element, svg } from "/shared/elements.js";
import { shown } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";

/** The settings of each group, beside those that stand there by themselves; number, count, truth or one of a list. */
const AGAINST = [
  ["l1", "number"], ["l2", "number"], ["weight_decay", "number"], ["dropout", "number"], ["max_norm", "number"],
  ["patience", "count"], ["restore_best", "truth"],
];
const FURTHER = [
  ["clip_norm", "number"], ["clip_value", "number"], ["ema_decay", "number"], ["reduce_on_plateau", "truth"],
  ["min_delta", "number"], ["alpha", "number"], ["monitor", ["loss", "metric"]], ["random_state", "count"],
];
/** Settings that may be left empty. */
const EMPTY = new Set(["max_norm", "patience", "clip_norm", "clip_value", "ema_decay"]);

/** The form. */
export function makeChoices(desk) {
  const fault = element("p", { class: "learn-fault", role: "alert", hidden: true });
  const body = element("div", { class: "learn-choices-body" });
  const root = element("section", { class: "card learn-choices", "aria-label": t("learn.choices") }, fault, body);
  const open = new Set(matchMedia("(max-width: 56rem)").matches ? [] : ["data", "network", "learning"]);
  let drawnFor = "";

  function draw() {
    fault.hidden = desk.fault === null;
    if (fault.textContent !== (desk.fault ?? "")) fault.textContent = desk.fault ?? "";
    if (desk.plan === null || desk.preview === null) return;
    const now = JSON.stringify([desk.plan, desk.preview.structure]);
    if (now === drawnFor) return;
    drawnFor = now;
    const focused = document.activeElement?.id;
    const plan = desk.plan;
    body.replaceChildren(
      group("data", data(plan)), group("network", network(plan)), group("learning", learning(plan)),
      group("against", settingsOf(plan, AGAINST)),
      group("further", [initial(plan), ...settingsOf(plan, FURTHER), engine(plan)]),
    );
    if (focused?.startsWith("learn-")) document.getElementById(focused)?.focus();
  }

  function group(name, content) {
    const made = element("details", { open: open.has(name), ontoggle: () => (made.open ? open.add(name) : open.delete(name)) },
      element("summary", { text: t(`learn.group.${name}`) }), element("div", { class: "learn-fields" }, content));
    return made;
  }

  // --------------------------------------------------------------------------------------------------------- the groups

  function data(plan) {
    const { kind } = plan.data;
    const kinds = Object.keys(desk.info.tasks).map((name) => [name, name === "own" ? t("learn.data.own", { name: desk.info.own }) : t(`learn.data.${name}`)]);
    const drawn = "rows" in plan.data || !["digits", "own"].includes(kind);
    const with_ = (changes) => desk.change({ ...plan, data: { ...plan.data, ...changes } });
    return [
      element("div", { class: "learn-wide" },
        choice("kind", t("learn.data"), kinds, kind, (name) => desk.change(suited({ ...plan, data: ["digits", "own"].includes(name) ? { kind: name } : { ...points(plan), kind: name } }, plan)))),
      ...(drawn ? [
        numeric("rows", t("learn.data.rows"), plan.data.rows ?? 400, (value) => with_({ rows: value }), { min: 10, max: 5000, step: 10 }),
        numeric("noise", t("learn.data.noise"), plan.data.noise ?? 0.05, (value) => with_({ noise: value }), { min: 0, max: 1, step: 0.01 }),
        numeric("seed", t("learn.data.seed"), plan.data.seed ?? 0, (value) => with_({ seed: value }), { min: 0, step: 1 }),
      ] : []),
      numeric("validation_fraction", t("learn.data.validation"), plan.validation_fraction, (value) => desk.change({ ...plan, validation_fraction: value }), { min: 0, max: 0.9, step: 0.05 }),
      element("p", { class: "hint", text: t("learn.data.about", { training: number(desk.preview.rows.training), validation: number(desk.preview.rows.validation) }) }),
      element("fieldset", { class: "learn-presets" }, element("legend", { text: t("learn.presets") }),
        Object.entries(desk.preview.presets).map(([name, preset]) => element("div", { class: "learn-preset" },
          element("button", { type: "button", id: `learn-preset-${name}`, text: t(`learn.preset.${name}`), "aria-describedby": `learn-preset-about-${name}`, onclick: () => desk.change({ ...plan, ...preset }) }),
          element("p", { class: "hint", id: `learn-preset-about-${name}`, text: t(`learn.preset.${name}.about`) }),
        ))),
    ];
  }

  /** A plan whose rows are others now: where they are values and no longer classes, with a loss and an output for that. */
  function suited(plan, before) {
    const { tasks, tables, usual_losses: usual } = desk.info;
    const task = tasks[plan.data.kind];
    if (task === tasks[before.data.kind]) return plan;
    const loss = tables.losses.find(({ name }) => name === plan.settings.loss);
    const suits = loss?.[task === "classification" ? "classes" : "values"];
    return { ...plan, output: null, settings: suits ? plan.settings : { ...plan.settings, loss: usual[task], loss_settings: {} } };
  }

  function points(plan) {
    return "rows" in plan.data ? plan.data : desk.info.start.data;
  }

  function network(plan) {
    const names = desk.info.tables.activations.map(({ name }) => [name, name]);
    const layers = plan.hidden.map((units, place) => element("div", { class: "learn-layer", role: "group", "aria-label": t("learn.layer", { layer: number(place + 1) }) },
      numeric(`units-${place}`, t("learn.layer.units", { layer: number(place + 1) }), units, (value) => desk.change({ ...plan, hidden: replaced(plan.hidden, place, value) }), { min: 1, max: desk.info.most.units, step: 1 }),
      choice(`activation-${place}`, t("learn.layer.activation"), names, plan.activations[place], (name) => desk.change({ ...plan, activations: replaced(plan.activations, place, name) })),
      element("button", { type: "button", id: `learn-remove-${place}`, class: "learn-remove", text: "×", title: t("learn.layer.remove"), "aria-label": t("learn.layer.remove.of", { layer: number(place + 1) }), onclick: () => desk.change({ ...plan, hidden: without(plan.hidden, place), activations: without(plan.activations, place) }) }),
      element("div", { class: "learn-bend" }, curveOf(plan.activations[place]), formula("activations", plan.activations[place])),
    ));
    const add = element("button", {
      type: "button", id: "learn-add", text: t("learn.layer.add"), disabled: plan.hidden.length >= desk.info.most.layers,
      onclick: () => desk.change({ ...plan, hidden: [...plan.hidden, plan.hidden.at(-1) ?? 8], activations: [...plan.activations, plan.activations.at(-1) ?? "tanh"] }),
    });
    const given = desk.preview.structure.activations.at(-1);
    return [
      ...layers, element("div", {}, add),
      element("div", { class: "learn-wide" }, choice("output", t("learn.output"), [["", t("learn.output.auto", { name: plan.output === null ? given : "…" })], ...names], plan.output ?? "", (name) => desk.change({ ...plan, output: name || null }))),
      element("p", { class: "hint", text: t("learn.network.parameters", { count: number(desk.preview.structure.parameters) }) }),
    ];
  }

  function learning(plan) {
    const { settings } = plan;
    const { tables } = desk.info;
    const losses = tables.losses.filter((loss) => (desk.preview.task === "classification" ? loss.classes : loss.values));
    const rule = tables.optimizers.find(({ name }) => name === settings.optimizer);
    const byBatch = settings.optimizer !== "lbfgs";
    return [
      tabled(plan, "loss", losses), ...own(plan, "loss", tables.losses),
      element("div", { class: "learn-wide" }, choice("optimizer", t("learn.set.optimizer"), tables.optimizers.map(({ name }) => [name, name]), settings.optimizer, (name) => {
        const chosen = tables.optimizers.find((entry) => entry.name === name);
        const none = name === "lbfgs" ? { clip_norm: null, clip_value: null, max_norm: null, ema_decay: null, dropout: 0 } : {};
        set(plan, { optimizer: name, optimizer_settings: {}, learning_rate: chosen.learning_rate, weight_decay: name === "lbfgs" ? null : chosen.weight_decay, ...none });
      }), formula("optimizers", settings.optimizer)), ...own(plan, "optimizer", tables.optimizers),
      ...(byBatch ? [
        numeric("learning_rate", t("learn.set.learning_rate"), settings.learning_rate, (value) => set(plan, { learning_rate: value }), { min: 0, step: "any", placeholder: String(rule?.learning_rate) }),
        tabled(plan, "schedule", tables.schedules), ...own(plan, "schedule", tables.schedules), ratePicture(),
        numeric("batch_size", t("learn.set.batch_size"), settings.batch_size, (value) => set(plan, { batch_size: value }), { min: 1, step: 1 }),
      ] : []),
      numeric("epochs", t("learn.set.epochs"), settings.epochs, (value) => set(plan, { epochs: value }), { min: 1, max: desk.info.most.epochs, step: 1 }),
      ...settingsOf(plan, [["shuffle", "truth"]]),
    ];
  }

  function initial(plan) {
    return element("div", { class: "learn-wide" },
      choice("initializer", t("learn.set.initializer"), desk.info.tables.initializers.map(({ name }) => [name, name]), plan.settings.initializer, (name) => set(plan, { initializer: name })),
      formula("initializers", plan.settings.initializer),
      choice("dtype", t("learn.set.dtype"), desk.info.tables.dtypes.map((name) => [name, name]), plan.settings.dtype, (name) => set(plan, { dtype: name })),
    );
  }

  function engine(plan) {
    return choice("engine", t("learn.set.engine"), desk.info.tables.engines.map((name) => [name, name]), plan.settings.engine, (name) => set(plan, { engine: name }));
  }

  // --------------------------------------------------------------------------------------------------------- the pieces

  function set(plan, changes) {
    desk.change({ ...plan, settings: { ...plan.settings, ...changes } });
  }

  /** A choice out of one of the library's tables, with its formula. */
  function tabled(plan, name, entries) {
    return element("div", { class: "learn-wide" },
      choice(name, t(`learn.set.${name}`), entries.map((entry) => [entry.name, entry.name]), plan.settings[name], (value) => set(plan, { [name]: value, [`${name}_settings`]: {} })),
      formula({ loss: "losses", schedule: "schedules" }[name], plan.settings[name]),
    );
  }

  /** The numbers of the chosen entry itself: Adam's beta_1, Huber's delta. */
  function own(plan, name, entries) {
    const chosen = entries.find((entry) => entry.name === plan.settings[name]);
    const kept = `${name}_settings`;
    const given = plan.settings[kept] ?? {};
    const fields = Object.entries(chosen?.settings ?? {}).map(([key, standard]) => {
      const put = (value) => set(plan, { [kept]: { ...given, [key]: value } });
      const now = given[key] ?? standard;
      const label = element("code", { text: key });
      if (typeof standard === "boolean") return truth(`${name}-${key}`, label, now, put);
      if (Array.isArray(standard)) return listed(`${name}-${key}`, label, now, put);
      return numeric(`${name}-${key}`, label, now, put, { step: "any" });
    });
    if (fields.length === 0) return [];
    const made = element("details", { class: "learn-own", open: open.has(name), ontoggle: () => (made.open ? open.add(name) : open.delete(name)) },
      element("summary", { text: t("learn.own", { name: chosen.name }) }), element("div", { class: "learn-fields" }, fields));
    return [made];
  }

  function settingsOf(plan, named) {
    return named.map(([name, kind]) => {
      const label = t(`learn.set.${name}`);
      const put = (value) => set(plan, { [name]: value });
      const value = plan.settings[name];
      if (Array.isArray(kind)) return choice(name, label, kind.map((entry) => [entry, entry]), value, put);
      if (kind === "truth") return truth(name, label, value !== false && value !== null, put);
      if (Array.isArray(value)) return listed(name, label, value, put);
      return numeric(name, label, value, put, { min: 0, step: kind === "count" ? 1 : "any", empty: EMPTY.has(name), placeholder: EMPTY.has(name) ? t("learn.none") : undefined });
    });
  }

  function choice(name, label, entries, value, put) {
    const select = element("select", { id: `learn-${name}`, onchange: () => put(select.value) },
      entries.map(([key, text]) => element("option", { value: key, text, selected: key === value })));
    return field(name, label, select);
  }

  function numeric(name, label, value, put, { min, max, step, placeholder, empty = false }) {
    const input = element("input", {
      id: `learn-${name}`, type: "number", inputmode: "decimal", value: value ?? "", min, max, step: step ?? "any", placeholder, required: !empty,
      onchange: () => {
        if (input.value === "" && empty) put(null);
        else if (input.value !== "" && Number.isFinite(input.valueAsNumber)) put(input.valueAsNumber);
        else input.value = value ?? "";
      },
    });
    return field(name, label, input);
  }

  function truth(name, label, value, put) {
    const input = element("input", { id: `learn-${name}`, type: "checkbox", checked: value, onchange: () => put(input.checked) });
    return element("label", { class: "learn-truth", for: `learn-${name}` }, input, label);
  }

  function listed(name, label, value, put) {
    const input = element("input", {
      id: `learn-${name}`, type: "text", inputmode: "decimal", value: value.join(", "),
      onchange: () => {
        const numbers = input.value.split(",").map((part) => Number(part));
        if (numbers.every(Number.isFinite)) put(numbers);
        else input.value = value.join(", ");
      },
    });
    return field(name, label, input);
  }

  function field(name, label, control) {
    return element("label", { class: "field", for: `learn-${name}` }, typeof label === "string" ? element("span", { text: label }) : label, control);
  }

  function formula(table, name) {
    const entry = desk.info.tables[table].find((found) => found.name === name);
    return entry?.formula.length > 2 ? element("p", { class: "learn-formula", lang: "en" }, element("code", { text: entry.formula })) : null;
  }

  /** What an activation does to z from -4 to 4, and, dashed, its slope. */
  function curveOf(name) {
    const { curve } = desk.info.tables.activations.find((found) => found.name === name);
    const points = (values) => values.map((value, place) => (Number.isFinite(value) ? `${curve.z[place] * 10},${-10 * Math.max(-1.6, Math.min(1.6, value))}` : "")).join(" ");
    return svg("svg", { viewBox: "-40 -18 80 36", class: "learn-curve", "aria-hidden": "true" },
      svg("path", { class: "learn-grid", d: "M-40 0H40M0 -18V18" }),
      svg("polyline", { class: "learn-line thin series-2", points: points(curve.slope) }),
      svg("polyline", { class: "learn-line series-1", points: points(curve.a) }));
  }

  /** The learning rate over the training, as a line of little bars in text for those who hear it. */
  function ratePicture() {
    const { rates } = desk.preview;
    const most = Math.max(...rates);
    if (rates.length < 2 || rates.every((rate) => rate === rates[0])) return null;
    return element("p", { class: "hint", text: t("learn.rates", { first: shown(rates[0], 3), most: shown(most, 3), last: shown(rates.at(-1), 3) }) });
  }

  return { root, draw };
}

function replaced(list, place, value) {
  return list.map((entry, at) => (at === place ? value : entry));
}

function without(list, place) {
  return list.filter((_, at) => at !== place);
}
