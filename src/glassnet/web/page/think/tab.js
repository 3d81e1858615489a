// Think: the forward pass of one row that is drawn, selected or edited. This module holds the state and assembles the
// parts; each part is a module in think/ with a function that returns { root, draw() }.
//
// store, passed to every part:
//   mode         how the row is entered: "draw", "rows" or "edit"
//   info         response of GET /api/think: biases, activation scales, column ranges, drawing parameters, initial row
//   row          raw values in the order of the model's columns; change them with store.setRow(row, from, startedAt)
//   from         origin of the row: { kind: "drawn" | "row" | "training" | "edited" | "start", row, number, file, target }
//   explanation  the latest response of POST /api/explain, or null
//   scale        factors of scaled activations: { a1: { 5: 0 } }
//   unit         the selected unit { layer, unit }, or null; unitInfo is the response of GET /api/unit
//   hover        the unit under the pointer or focus { layer, unit }, where layer 0 is the input, or null
//   output       the output of the saliency, or null for the largest
//   error        why the row can't be explained, or null

import { ApiError, get, post } from "/shared/api.js";
import { element } from "/shared/elements.js";
import { t } from "/shared/i18n.js";
import { withExportMenu } from "/shared/panel_export.js";
import { makeAnswer } from "/think/answer.js";
import { makeInput } from "/think/input.js";
import { fromRow } from "/think/names.js";
import { makeNetwork } from "/think/network.js";
import { makeSaliency } from "/think/saliency.js";
import { makeUnit } from "/think/unit.js";

/** Networks with more parameters compute gradients only when drawing pauses: they take several times as long. */
const MAX_LIVE_PARAMETERS = 1e6;
/** Length of that pause, in milliseconds. */
const REST_DELAY = 120;
/** Total number of connections to request. */
const MAX_CONNECTIONS = 120;

/** Mount the tab. */
export function mount(root, context) {
  const store = {
    context, mode: null, info: null, row: null, from: null, explanation: null, scale: {}, unit: null, unitInfo: null, hover: null, output: null, error: null,
    setRow, openRow, selectUnit, setHover, scaleUnit, selectOutput, draw, scaleOf,
  };
  let parts = [];
  const outdated = new Set(); // parts to be drawn
  let drawing = false;
  let requesting = false;
  let pending = null; // the next request: { since, gradients }
  let endRest = () => {}; // ends the wait for a pause
  let nPending = 0; // open requests; meanwhile the page is marked as busy
  let startedAt = null; // time of the event that caused the pending drawing
  let requested = null; // detail of an open() call before the tab was ready
  let version = null;

  root.append(element("p", { class: "soft", text: t("think.loading") }));
  load();

  async function load() {
    const { model } = context;
    version = model.version;
    try {
      const info = await waitFor(get("/api/think"));
      if (context.model !== model || (await isOutdated(model, info.version))) return;
      Object.assign(store, { info, explanation: null, scale: {}, unit: null, unitInfo: null, hover: null, output: null, error: null });
      build();
      if (requested !== null) await openDetail(requested);
      else if (model.examples !== null) await openRow(0);
      else setRow(info.initial_row, { kind: "start" });
      requested = null;
    } catch (error) {
      context.fail(error);
    }
  }

  function build() {
    const [input, network, answer, unit, saliencyPanel] = [makeInput, makeNetwork, makeAnswer, makeUnit, makeSaliency].map((make) => make(store));
    parts = [input, network, answer, unit, saliencyPanel];
    const panel = (part, name) => withExportMenu(part.root, () => `${context.model.name}-${name}`);
    root.replaceChildren(element("div", { class: "think-layout" },
      panel(input, "input"),
      element("div", { class: "think-middle" }, panel(network, "network"), panel(unit, "unit")),
      element("div", { class: "think-side" }, panel(answer, "answer"), panel(saliencyPanel, "saliency"))));
    draw();
  }

  /** Draw all or some parts in the next animation frame. */
  function draw(some = parts) {
    for (const part of some) outdated.add(part);
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      if (store.info?.version !== context.model.version) return; // the model was replaced and is being loaded
      for (const part of parts) if (outdated.has(part)) part.draw();
      outdated.clear();
      if (nPending === 0) root.setAttribute("aria-busy", "false");
      if (startedAt !== null && store.explanation !== null) measure(startedAt);
      startedAt = null;
    });
  }

  /** Await a response; the page is marked as busy until then. */
  async function waitFor(answer) {
    nPending += 1;
    root.setAttribute("aria-busy", "true");
    try {
      return await answer;
    } finally {
      nPending -= 1;
      draw();
    }
  }

  /** Measure the time from an event to the painted result; `performance` keeps the latest. */
  function measure(start) {
    const channel = new MessageChannel(); // delivered after painting
    channel.port1.onmessage = () => {
      performance.clearMeasures("glassnet.think");
      performance.measure("glassnet.think", { start, end: performance.now() });
      channel.port1.close();
    };
    channel.port2.postMessage(null);
  }

  /** Set the row. startedAt: the time of the event that caused it. */
  function setRow(row, from, eventTime = null) {
    Object.assign(store, { row, from });
    request(eventTime);
    draw(parts.slice(0, 1)); // only the input; the other parts are drawn with the response
  }

  /** Open the detail of another tab: an example row, or the values of a training row. */
  async function openDetail({ row, values, target, number, file }) {
    store.mode = values === undefined ? "rows" : "edit";
    if (values === undefined) await openRow(row);
    else setRow(values, { kind: "training", target, number, file });
    draw();
  }

  /** Open an example row by its index. */
  async function openRow(row) {
    try {
      const { rows } = await waitFor(get(`/api/rows?row=${row}&count=1`));
      setRow(rows[0].values, fromRow(rows[0]));
    } catch (error) {
      context.fail(error);
    }
  }

  /** Request an explanation: one request at a time, and the next one always for the latest row. */
  function request(eventTime = null, gradients = context.model.parameters <= MAX_LIVE_PARAMETERS) {
    pending = { startedAt: pending?.startedAt ?? eventTime, gradients };
    endRest();
    if (!requesting) waitFor(requestPending()).catch(context.fail);
  }

  async function requestPending() {
    requesting = true;
    try {
      while (pending !== null) {
        const current = pending;
        pending = null;
        await requestExplanation(current);
        if (pending === null && !current.gradients && store.error === null) await waitForRest();
      }
    } finally {
      requesting = false;
    }
  }

  /** Request the gradients after a pause. */
  async function waitForRest() {
    await new Promise((done) => {
      setTimeout(done, REST_DELAY);
      endRest = done; // called by the next request
    });
    pending ??= { startedAt: null, gradients: true };
  }

  async function requestExplanation(current) {
    const { model } = context;
    const body = { row: store.row, n_connections: Math.max(12, Math.round(MAX_CONNECTIONS / model.activations.length)), saliency: current.gradients };
    if (Object.keys(store.scale).length) body.scale = store.scale;
    if (current.gradients) {
      body.of = saliencyTarget(model);
      if (store.output !== null) body.output = store.output;
      if (store.unit !== null) body.unit = [store.unit.layer, store.unit.unit];
    }
    try {
      const explanation = await post("/api/explain", body);
      if (await isOutdated(model, explanation.version)) return;
      if (!current.gradients) Object.assign(explanation, { saliency: null, unit_gradient: null });
      Object.assign(store, { explanation, error: null });
      startedAt ??= current.startedAt;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 422) context.fail(error);
      else if (await isOutdated(model, await serverVersion())) return;
      store.error = error instanceof ApiError ? error.localizedMessage() : t("error.page");
    }
    draw();
  }

  /** Reload the page if the model was replaced. */
  async function isOutdated(model, version) {
    if (version === model.version) return false;
    if (context.model === model) await context.reload();
    return true;
  }

  async function serverVersion() {
    try {
      return (await get("/api/model")).version;
    } catch {
      return context.model.version;
    }
  }

  /** Select a unit, or none (null). Its info does not depend on the row. */
  async function selectUnit(layer, unit) {
    if (layer === null) {
      Object.assign(store, { unit: null, unitInfo: null });
      draw();
      return;
    }
    Object.assign(store, { unit: { layer, unit }, unitInfo: null });
    request();
    draw();
    try {
      const explanation = await waitFor(get(`/api/unit?layer=${layer}&unit=${unit}`));
      if (store.unit?.layer !== layer || store.unit.unit !== unit) return;
      store.unitInfo = explanation;
      draw();
    } catch (error) {
      context.fail(error);
    }
  }

  function setHover(unit) {
    if (store.hover?.layer === unit?.layer && store.hover?.unit === unit?.unit) return;
    store.hover = unit;
    draw();
  }

  /** Scale a unit's activation; 1 resets it. Without a unit, reset all. */
  function scaleUnit(layer, unit, factor, eventTime = null) {
    const scale = structuredClone(layer === null ? {} : store.scale);
    if (layer !== null) {
      const name = `a${layer}`;
      scale[name] = { ...scale[name], [unit]: factor };
      if (factor === 1) delete scale[name][unit];
      if (Object.keys(scale[name]).length === 0) delete scale[name];
    }
    store.scale = scale;
    request(eventTime);
    draw();
  }

  function scaleOf(layer, unit) {
    return store.scale[`a${layer}`]?.[unit] ?? 1;
  }

  /** Select the output of the saliency. */
  function selectOutput(output) {
    store.output = output;
    request(null, true);
    draw();
  }

  return {
    show(detail) {
      if (detail !== null && store.info?.version !== context.model.version) requested = detail;
      else if (detail !== null) openDetail(detail);
      draw();
    },
    refresh() {
      if (version !== context.model.version) load();
      else if (store.info !== null) build();
    },
  };
}

/** For probabilities, use the gradient of the logit, which does not vanish if the network is confident. */
function saliencyTarget(model) {
  return ["softmax", "sigmoid"].includes(model.activations.at(-1)) ? "logit" : "output";
}
