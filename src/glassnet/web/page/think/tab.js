// Think: one row's way through the network, while it is drawn, chosen or edited. This module holds what is so and puts
// the parts together; each part has a module of its own (think/*.js) with a function that returns { root, draw() }.
//
// desk, which every part is given:
//   way       how the row is given: "draw", "rows" or "edit"
//   about     what GET /api/think told: biases, reach, columns, the pen, a row to begin with
//   row       raw values, in the model's columns; change them by desk.take(row, from, since)
//   from      where the row comes from: { kind: "drawn" | "row" | "training" | "edited" | "start", row, number, file, target }
//   told      what POST /api/explain said of it last, or null
//   scale     units that are silenced, or louder: { a1: { 5: 0 } }
//   unit      the unit that is looked at, { layer, unit }, or null; unitTold is what GET /api/unit said of it
//   hover     the unit under the pointer or the keyboard's focus, { layer, unit }, layer 0 being the input, or null
//   output    which output the saliency is of, or null for the largest
//   fault     why the row can't be explained, or null

import { ApiError, get, post } from "/shared/api.js";
import { element } from "/shared/elements.js";
import { t } from "/shared/i18n.js";
import { pictured } from "/shared/panel_export.js";
import { makeAnswer } from "/think/answer.js";
import { makeInput } from "/think/input.js";
import { fromRow } from "/think/names.js";
import { makeNetwork } from "/think/network.js";
import { makeMind } from "/think/saliency.js";
import { makeUnit } from "/think/unit.js";

/** Parameters from which slopes are left for when the pen rests: they take several times as long as the rest. */
const HEAVY = 1e6;
/** Milliseconds that the pen must rest for that. */
const REST = 120;
/** Connections that are asked for, in all. */
const CONNECTIONS = 120;

/** Fill the tab. */
export function mount(root, context) {
  const desk = {
    context, way: null, about: null, row: null, from: null, told: null, scale: {}, unit: null, unitTold: null, hover: null, output: null, fault: null,
    take, openRow, lookAt, hoverOver, silence, choose, draw, scaleOf,
  };
  let parts = [];
  const old = new Set(); // the parts that don't show what is so
  let drawing = false;
  let asking = false;
  let again = null; // what is to be asked for next: { since, slopes }
  let rested = () => {}; // ends the wait for the pen to rest
  let waitedFor = 0; // questions that are not answered yet; until then what is shown is old
  let since = null; // when that which is to be drawn was done
  let wanted = null; // what another tab handed over before this one was ready
  let version = null;

  root.append(element("p", { class: "soft", text: t("think.loading") }));
  begin();

  async function begin() {
    const { model } = context;
    version = model.version;
    try {
      const about = await waitFor(get("/api/think"));
      if (context.model !== model || (await isOld(model, about.version))) return;
      Object.assign(desk, { about, told: null, scale: {}, unit: null, unitTold: null, hover: null, output: null, fault: null });
      build();
      if (wanted !== null) await openGiven(wanted);
      else if (model.examples !== null) await openRow(0);
      else take(about.start, { kind: "start" });
      wanted = null;
    } catch (error) {
      context.fail(error);
    }
  }

  function build() {
    const [input, network, answer, unit, mind] = [makeInput, makeNetwork, makeAnswer, makeUnit, makeMind].map((make) => make(desk));
    parts = [input, network, answer, unit, mind];
    const panel = (part, name) => pictured(part.root, () => `${context.model.name}-${name}`);
    root.replaceChildren(element("div", { class: "think-desk" },
      panel(input, "input"),
      element("div", { class: "think-middle" }, panel(network, "network"), panel(unit, "unit")),
      element("div", { class: "think-side" }, panel(answer, "answer"), panel(mind, "saliency"))));
    draw();
  }

  /** Show what is so, in all parts or some, at the next moment at which the screen is painted. */
  function draw(some = parts) {
    for (const part of some) old.add(part);
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      if (desk.about?.version !== context.model.version) return; // another model took its place, and is asked about
      for (const part of parts) if (old.has(part)) part.draw();
      old.clear();
      if (waitedFor === 0) root.setAttribute("aria-busy", "false");
      if (since !== null && desk.told !== null) measure(since);
      since = null;
    });
  }

  /** Wait for an answer, and say that what is shown is old until then. */
  async function waitFor(answer) {
    waitedFor += 1;
    root.setAttribute("aria-busy", "true");
    try {
      return await answer;
    } finally {
      waitedFor -= 1;
      draw();
    }
  }

  /** Note how long it took from what a person did to the picture; `performance` keeps the latest one. */
  function measure(start) {
    const channel = new MessageChannel(); // its message comes after the picture is painted
    channel.port1.onmessage = () => {
      performance.clearMeasures("glassnet.think");
      performance.measure("glassnet.think", { start, end: performance.now() });
      channel.port1.close();
    };
    channel.port2.postMessage(null);
  }

  /** Take another row. since: the time of the event that brought it. */
  function take(row, from, at = null) {
    Object.assign(desk, { row, from });
    ask(at);
    draw(parts.slice(0, 1)); // the input; the others show what is said of it, once it is said
  }

  /** Open what another tab hands over: a row at hand, or a training row with its values. */
  async function openGiven({ row, values, target, number, file }) {
    desk.way = values === undefined ? "rows" : "edit";
    if (values === undefined) await openRow(row);
    else take(values, { kind: "training", target, number, file });
    draw();
  }

  /** Open a row of the rows at hand, by its place among them, from 0. */
  async function openRow(row) {
    try {
      const { rows } = await waitFor(get(`/api/rows?row=${row}&count=1`));
      take(rows[0].values, fromRow(rows[0]));
    } catch (error) {
      context.fail(error);
    }
  }

  /** Ask what the network makes of the row: one question at a time, and the next one is always about the latest row. */
  function ask(at = null, slopes = context.model.parameters <= HEAVY) {
    again = { since: again?.since ?? at, slopes };
    rested();
    if (!asking) waitFor(askOn()).catch(context.fail);
  }

  async function askOn() {
    asking = true;
    try {
      while (again !== null) {
        const now = again;
        again = null;
        await askOnce(now);
        if (again === null && !now.slopes && desk.fault === null) await rest();
      }
    } finally {
      asking = false;
    }
  }

  /** Once nothing has been asked for a while, the slopes are. */
  async function rest() {
    await new Promise((done) => {
      setTimeout(done, REST);
      rested = done; // by the next question
    });
    again ??= { since: null, slopes: true };
  }

  async function askOnce(now) {
    const { model } = context;
    const question = { row: desk.row, strongest: Math.max(12, Math.round(CONNECTIONS / model.activations.length)), saliency: now.slopes };
    if (Object.keys(desk.scale).length) question.scale = desk.scale;
    if (now.slopes) {
      question.of = kindOfSlope(model);
      if (desk.output !== null) question.output = desk.output;
      if (desk.unit !== null) question.unit = [desk.unit.layer, desk.unit.unit];
    }
    try {
      const told = await post("/api/explain", question);
      if (await isOld(model, told.version)) return;
      if (!now.slopes) Object.assign(told, { saliency: null, unit_slope: null });
      Object.assign(desk, { told, fault: null });
      since ??= now.since;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 422) context.fail(error);
      else if (await isOld(model, await versionNow())) return;
      desk.fault = error instanceof ApiError ? error.told() : t("error.page");
    }
    draw();
  }

  /** Where another model has taken this one's place, let the whole page be written anew. */
  async function isOld(model, version) {
    if (version === model.version) return false;
    if (context.model === model) await context.reload();
    return true;
  }

  async function versionNow() {
    try {
      return (await get("/api/model")).version;
    } catch {
      return context.model.version;
    }
  }

  /** Look at a unit, or, without one, at none; what is told of it does not hang on the row. */
  async function lookAt(layer, unit) {
    if (layer === null) {
      Object.assign(desk, { unit: null, unitTold: null });
      draw();
      return;
    }
    Object.assign(desk, { unit: { layer, unit }, unitTold: null });
    ask();
    draw();
    try {
      const told = await waitFor(get(`/api/unit?layer=${layer}&unit=${unit}`));
      if (desk.unit?.layer !== layer || desk.unit.unit !== unit) return;
      desk.unitTold = told;
      draw();
    } catch (error) {
      context.fail(error);
    }
  }

  function hoverOver(unit) {
    if (desk.hover?.layer === unit?.layer && desk.hover?.unit === unit?.unit) return;
    desk.hover = unit;
    draw();
  }

  /** Scale what a unit says; 1 leaves it as it is. Without a unit: all are left as they are. */
  function silence(layer, unit, factor, at = null) {
    const scale = structuredClone(layer === null ? {} : desk.scale);
    if (layer !== null) {
      const name = `a${layer}`;
      scale[name] = { ...scale[name], [unit]: factor };
      if (factor === 1) delete scale[name][unit];
      if (Object.keys(scale[name]).length === 0) delete scale[name];
    }
    desk.scale = scale;
    ask(at);
    draw();
  }

  function scaleOf(layer, unit) {
    return desk.scale[`a${layer}`]?.[unit] ?? 1;
  }

  /** Choose the output that the saliency is of. */
  function choose(output) {
    desk.output = output;
    ask(null, true);
    draw();
  }

  return {
    show(detail) {
      if (detail !== null && desk.about?.version !== context.model.version) wanted = detail;
      else if (detail !== null) openGiven(detail);
      draw();
    },
    refresh() {
      if (version !== context.model.version) begin();
      else if (desk.about !== null) build();
    },
  };
}

/** Where outputs are probabilities, the slope of what goes into them, which does not vanish where the network is sure. */
function kindOfSlope(model) {
  return ["softmax", "sigmoid"].includes(model.activations.at(-1)) ? "logit" : "output";
}
