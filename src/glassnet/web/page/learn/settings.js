// Settings form: data, network, loss, optimizer, schedule and others, generated from the library's tables.

import { element, svg } from "/shared/elements.js";
import { format } from "/shared/format.js";
import { number, t } from "/shared/i18n.js";

/** Settings of each group with their input type, besides those with special fields. */
const REGULARIZATION = [
  ["l1", "number"], ["l2", "number"], ["weight_decay", "number"], ["dropout", "number"], ["max_norm", "number"],
  ["patience", "count"], ["restore_best", "truth"],
];
const ADVANCED = [
  ["clip_norm", "number"], ["clip_value", "number"], ["ema_decay", "number"], ["reduce_on_plateau", "truth"],
  ["min_delta", "number"], ["alpha", "number"], ["monitor", ["loss", "metric"]], ["random_state", "count"],
];
/** Settings that may be empty. */
const OPTIONAL = new Set(["max_norm", "patience", "clip_norm", "clip_value", "ema_decay"]);

/** The form. */
export function makeSettings(store) {
  const error = element("p", { class: "learn-error", role: "alert", hidden: true });
  const body = element("div", { class: "learn-choices-body" });
  const root = element("section", { class: "card learn-choices", "aria-label": t("learn.settings") }, error, body);
  const open = new Set(matchMedia("(max-width: 56rem)").matches ? [] : ["data", "network", "optimization"]);
  let drawnPlan = "";

  function draw() {
    error.hidden = store.error === null;
    if (error.textContent !== (store.error ?? "")) error.textContent = store.error ?? "";
    if (store.plan === null || store.preview === null) return;
    const value = JSON.stringify([store.plan, store.preview.structure]);
    if (value === drawnPlan) return;
    drawnPlan = value;
    const focused = document.activeElement?.id;
    const plan = store.plan;
    body.replaceChildren(
      group("data", data(plan)), group("network", network(plan)), group("optimization", optimization(plan)),
      group("regularization", settingsOf(plan, REGULARIZATION)),
      group("advanced", [initialization(plan), ...settingsOf(plan, ADVANCED), engine(plan)]),
    );
    if (focused?.startsWith("learn-")) document.getElementById(focused)?.focus();
  }

  function group(name, content) {
    const details = element("details", { open: open.has(name), ontoggle: () => (details.open ? open.add(name) : open.delete(name)) },
      element("summary", { text: t(`learn.group.${name}`) }), element("div", { class: "learn-fields" }, content));
    return details;
  }

  // --------------------------------------------------------------------------------------------------------- the groups

  function data(plan) {
    const { kind } = plan.data;
    const kinds = Object.keys(store.info.tasks).map((name) => [name, name === "file" ? t("learn.data.file", { name: store.info.file }) : t(`learn.data.${name}`)]);
    const isGenerated = "rows" in plan.data || !["digits", "file"].includes(kind);
    const setData = (changes) => store.setPlan({ ...plan, data: { ...plan.data, ...changes } });
    return [
      element("div", { class: "learn-wide" },
        selectField("kind", t("learn.data"), kinds, kind, (name) => store.setPlan(adaptLoss({ ...plan, data: ["digits", "file"].includes(name) ? { kind: name } : { ...pointOptions(plan), kind: name } }, plan)))),
      ...(isGenerated ? [
        numberField("rows", t("learn.data.rows"), plan.data.rows ?? 400, (value) => setData({ rows: value }), { min: 10, max: 5000, step: 10 }),
        numberField("noise", t("learn.data.noise"), plan.data.noise ?? 0.05, (value) => setData({ noise: value }), { min: 0, max: 1, step: 0.01 }),
        numberField("seed", t("learn.data.seed"), plan.data.seed ?? 0, (value) => setData({ seed: value }), { min: 0, step: 1 }),
      ] : []),
      numberField("validation_fraction", t("learn.data.validation"), plan.validation_fraction, (value) => store.setPlan({ ...plan, validation_fraction: value }), { min: 0, max: 0.9, step: 0.05 }),
      element("p", { class: "hint", text: t("learn.data.about", { training: number(store.preview.rows.training), validation: number(store.preview.rows.validation) }) }),
      element("fieldset", { class: "learn-presets" }, element("legend", { text: t("learn.presets") }),
        Object.entries(store.preview.presets).map(([name, preset]) => element("div", { class: "learn-preset" },
          element("button", { type: "button", id: `learn-preset-${name}`, text: t(`learn.preset.${name}`), "aria-describedby": `learn-preset-about-${name}`, onclick: () => store.setPlan({ ...plan, ...preset }) }),
          element("p", { class: "hint", id: `learn-preset-about-${name}`, text: t(`learn.preset.${name}.about`) }),
        ))),
    ];
  }

  /** Replace loss and output activation if they don't fit the task of newly selected data. */
  function adaptLoss(plan, before) {
    const { tasks, tables, default_losses: defaults } = store.info;
    const task = tasks[plan.data.kind];
    if (task === tasks[before.data.kind]) return plan;
    const loss = tables.losses.find(({ name }) => name === plan.settings.loss);
    const fits = loss?.[task === "classification" ? "classes" : "values"];
    return { ...plan, output: null, settings: fits ? plan.settings : { ...plan.settings, loss: defaults[task], loss_settings: {} } };
  }

  function pointOptions(plan) {
    return "rows" in plan.data ? plan.data : store.info.initial_plan.data;
  }

  function network(plan) {
    const names = store.info.tables.activations.map(({ name }) => [name, name]);
    const layers = plan.hidden.map((units, index) => element("div", { class: "learn-layer", role: "group", "aria-label": t("learn.layer", { layer: number(index + 1) }) },
      numberField(`units-${index}`, t("learn.layer.units", { layer: number(index + 1) }), units, (value) => store.setPlan({ ...plan, hidden: replaceAt(plan.hidden, index, value) }), { min: 1, max: store.info.limits.units, step: 1 }),
      selectField(`activation-${index}`, t("learn.layer.activation"), names, plan.activations[index], (name) => store.setPlan({ ...plan, activations: replaceAt(plan.activations, index, name) })),
      element("button", { type: "button", id: `learn-remove-${index}`, class: "learn-remove", text: "×", title: t("learn.layer.remove"), "aria-label": t("learn.layer.remove.of", { layer: number(index + 1) }), onclick: () => store.setPlan({ ...plan, hidden: removeAt(plan.hidden, index), activations: removeAt(plan.activations, index) }) }),
      element("div", { class: "learn-activation" }, activationCurve(plan.activations[index]), formula("activations", plan.activations[index])),
    ));
    const add = element("button", {
      type: "button", id: "learn-add", text: t("learn.layer.add"), disabled: plan.hidden.length >= store.info.limits.layers,
      onclick: () => store.setPlan({ ...plan, hidden: [...plan.hidden, plan.hidden.at(-1) ?? 8], activations: [...plan.activations, plan.activations.at(-1) ?? "tanh"] }),
    });
    const current = store.preview.structure.activations.at(-1);
    return [
      ...layers, element("div", {}, add),
      element("div", { class: "learn-wide" }, selectField("output", t("learn.output"), [["", t("learn.output.auto", { name: plan.output === null ? current : "…" })], ...names], plan.output ?? "", (name) => store.setPlan({ ...plan, output: name || null }))),
      element("p", { class: "hint", text: t("learn.network.parameters", { count: number(store.preview.structure.parameters) }) }),
    ];
  }

  function optimization(plan) {
    const { settings } = plan;
    const { tables } = store.info;
    const losses = tables.losses.filter((loss) => (store.preview.task === "classification" ? loss.classes : loss.values));
    const rule = tables.optimizers.find(({ name }) => name === settings.optimizer);
    const byBatch = settings.optimizer !== "lbfgs";
    return [
      tableField(plan, "loss", losses), ...hyperparameters(plan, "loss", tables.losses),
      element("div", { class: "learn-wide" }, selectField("optimizer", t("learn.set.optimizer"), tables.optimizers.map(({ name }) => [name, name]), settings.optimizer, (name) => {
        const chosen = tables.optimizers.find((entry) => entry.name === name);
        const none = name === "lbfgs" ? { clip_norm: null, clip_value: null, max_norm: null, ema_decay: null, dropout: 0 } : {};
        set(plan, { optimizer: name, optimizer_settings: {}, learning_rate: chosen.learning_rate, weight_decay: name === "lbfgs" ? null : chosen.weight_decay, ...none });
      }), formula("optimizers", settings.optimizer)), ...hyperparameters(plan, "optimizer", tables.optimizers),
      ...(byBatch ? [
        numberField("learning_rate", t("learn.set.learning_rate"), settings.learning_rate, (value) => set(plan, { learning_rate: value }), { min: 0, step: "any", placeholder: String(rule?.learning_rate) }),
        tableField(plan, "schedule", tables.schedules), ...hyperparameters(plan, "schedule", tables.schedules), learningRateSummary(),
        numberField("batch_size", t("learn.set.batch_size"), settings.batch_size, (value) => set(plan, { batch_size: value }), { min: 1, step: 1 }),
      ] : []),
      numberField("epochs", t("learn.set.epochs"), settings.epochs, (value) => set(plan, { epochs: value }), { min: 1, max: store.info.limits.epochs, step: 1 }),
      ...settingsOf(plan, [["shuffle", "truth"]]),
    ];
  }

  function initialization(plan) {
    return element("div", { class: "learn-wide" },
      selectField("initializer", t("learn.set.initializer"), store.info.tables.initializers.map(({ name }) => [name, name]), plan.settings.initializer, (name) => set(plan, { initializer: name })),
      formula("initializers", plan.settings.initializer),
      selectField("dtype", t("learn.set.dtype"), store.info.tables.dtypes.map((name) => [name, name]), plan.settings.dtype, (name) => set(plan, { dtype: name })),
    );
  }

  function engine(plan) {
    return selectField("engine", t("learn.set.engine"), store.info.tables.engines.map((name) => [name, name]), plan.settings.engine, (name) => set(plan, { engine: name }));
  }

  // --------------------------------------------------------------------------------------------------------- the fields

  function set(plan, changes) {
    store.setPlan({ ...plan, settings: { ...plan.settings, ...changes } });
  }

  /** A select field for an entry of a table, with its formula. */
  function tableField(plan, name, entries) {
    return element("div", { class: "learn-wide" },
      selectField(name, t(`learn.set.${name}`), entries.map((entry) => [entry.name, entry.name]), plan.settings[name], (value) => set(plan, { [name]: value, [`${name}_settings`]: {} })),
      formula({ loss: "losses", schedule: "schedules" }[name], plan.settings[name]),
    );
  }

  /** Hyperparameters of the selected entry, such as Adam's beta_1 or Huber's delta. */
  function hyperparameters(plan, name, entries) {
    const chosen = entries.find((entry) => entry.name === plan.settings[name]);
    const settingsKey = `${name}_settings`;
    const current = plan.settings[settingsKey] ?? {};
    const fields = Object.entries(chosen?.settings ?? {}).map(([key, defaultValue]) => {
      const setValue = (value) => set(plan, { [settingsKey]: { ...current, [key]: value } });
      const value = current[key] ?? defaultValue;
      const label = element("code", { text: key });
      if (typeof defaultValue === "boolean") return checkbox(`${name}-${key}`, label, value, setValue);
      if (Array.isArray(defaultValue)) return numberList(`${name}-${key}`, label, value, setValue);
      return numberField(`${name}-${key}`, label, value, setValue, { step: "any" });
    });
    if (fields.length === 0) return [];
    const details = element("details", { class: "learn-section", open: open.has(name), ontoggle: () => (details.open ? open.add(name) : open.delete(name)) },
      element("summary", { text: t("learn.hyperparameters", { name: chosen.name }) }), element("div", { class: "learn-fields" }, fields));
    return [details];
  }

  function settingsOf(plan, named) {
    return named.map(([name, kind]) => {
      const label = t(`learn.set.${name}`);
      const setValue = (value) => set(plan, { [name]: value });
      const value = plan.settings[name];
      if (Array.isArray(kind)) return selectField(name, label, kind.map((entry) => [entry, entry]), value, setValue);
      if (kind === "truth") return checkbox(name, label, value !== false && value !== null, setValue);
      if (Array.isArray(value)) return numberList(name, label, value, setValue);
      return numberField(name, label, value, setValue, { min: 0, step: kind === "count" ? 1 : "any", empty: OPTIONAL.has(name), placeholder: OPTIONAL.has(name) ? t("learn.none") : undefined });
    });
  }

  function selectField(name, label, entries, value, setValue) {
    const select = element("select", { id: `learn-${name}`, onchange: () => setValue(select.value) },
      entries.map(([key, text]) => element("option", { value: key, text, selected: key === value })));
    return field(name, label, select);
  }

  function numberField(name, label, value, setValue, { min, max, step, placeholder, empty = false }) {
    const input = element("input", {
      id: `learn-${name}`, type: "number", inputmode: "decimal", value: value ?? "", min, max, step: step ?? "any", placeholder, required: !empty,
      onchange: () => {
        if (input.value === "" && empty) setValue(null);
        else if (input.value !== "" && Number.isFinite(input.valueAsNumber)) setValue(input.valueAsNumber);
        else input.value = value ?? "";
      },
    });
    return field(name, label, input);
  }

  function checkbox(name, label, value, setValue) {
    const input = element("input", { id: `learn-${name}`, type: "checkbox", checked: value, onchange: () => setValue(input.checked) });
    return element("label", { class: "learn-truth", for: `learn-${name}` }, input, label);
  }

  function numberList(name, label, value, setValue) {
    const input = element("input", {
      id: `learn-${name}`, type: "text", inputmode: "decimal", value: value.join(", "),
      onchange: () => {
        const numbers = input.value.split(",").map((part) => Number(part));
        if (numbers.every(Number.isFinite)) setValue(numbers);
        else input.value = value.join(", ");
      },
    });
    return field(name, label, input);
  }

  function field(name, label, control) {
    return element("label", { class: "field", for: `learn-${name}` }, typeof label === "string" ? element("span", { text: label }) : label, control);
  }

  function formula(table, name) {
    const entry = store.info.tables[table].find((found) => found.name === name);
    return entry?.formula.length > 2 ? element("p", { class: "learn-formula", lang: "en" }, element("code", { text: entry.formula })) : null;
  }

  /** Plot an activation over -4 … 4, and its derivative (dashed). */
  function activationCurve(name) {
    const { curve } = store.info.tables.activations.find((found) => found.name === name);
    const toPoints = (values) => values.map((value, index) => (Number.isFinite(value) ? `${curve.z[index] * 10},${-10 * Math.max(-1.6, Math.min(1.6, value))}` : "")).join(" ");
    return svg("svg", { viewBox: "-40 -18 80 36", class: "learn-curve", "aria-hidden": "true" },
      svg("path", { class: "learn-grid", d: "M-40 0H40M0 -18V18" }),
      svg("polyline", { class: "learn-line thin series-2", points: toPoints(curve.derivative) }),
      svg("polyline", { class: "learn-line series-1", points: toPoints(curve.a) }));
  }

  /** Summary of the learning-rate schedule. */
  function learningRateSummary() {
    const { learning_rates: rates } = store.preview;
    const largest = Math.max(...rates);
    if (rates.length < 2 || rates.every((rate) => rate === rates[0])) return null;
    return element("p", { class: "hint", text: t("learn.rates", { first: format(rates[0], 3), largest: format(largest, 3), last: format(rates.at(-1), 3) }) });
  }

  return { root, draw };
}

function replaceAt(list, index, value) {
  return list.map((entry, at) => (at === index ? value : entry));
}

function removeAt(list, index) {
  return list.filter((_, at) => at !== index);
}
