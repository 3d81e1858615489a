// Learn: a training, watched and steered. This module holds what is so and puts the parts together; each part has a
// module of its own (learn/*.js) with a function that returns { root, draw() }: draw shows what is so now.
//
// desk, which every part is given:
//   info       what GET /api/train told: tables, kinds, limits
//   plan       what is chosen; change it by desk.change(plan)
//   preview    what POST /api/train/plan made of it: structure, rows, points, code, the frame before the first step
//   fault      why the plan can't be carried out, or null
//   run        { id, plan, frame, history } of the training that is shown, or null before it has begun
//   kept       runs that were kept to compare with: { id, name, plan, frame, history, points }
//   walk       one step, slowly: { told, place, agrees }, or null
//   unit       the unit that is looked at, { layer, place }, or null
//   notice     what became of the line to the server, or ""
//   said       what became of saving or using the model, or ""

import { makePlane } from "/learn/boundary.js";
import { connect } from "/learn/connection.js";
import { makeControls } from "/learn/controls.js";
import { makeCurves } from "/learn/curves.js";
import { makeCode } from "/learn/export.js";
import { makeHints } from "/learn/hints.js";
import { makeLayers } from "/learn/layers.js";
import { makeNetwork } from "/learn/network.js";
import { makeRuns } from "/learn/runs.js";
import { makeChoices } from "/learn/settings.js";
import { makeStep } from "/learn/step.js";
import { ApiError, get, post } from "/shared/api.js";
import { element } from "/shared/elements.js";
import { t } from "/shared/i18n.js";
import { pictured } from "/shared/panel_export.js";

/** Milliseconds that choices are waited for before they are tried. */
const PATIENCE = 200;

/** Fill the tab. */
export function mount(root, context) {
  const desk = {
    context, info: null, plan: null, preview: null, fault: null, run: null, kept: [], walk: null, unit: null, notice: "", said: "",
    change, order, startOver, keep, walkTo, lookAt, draw,
    frame: () => desk.run?.frame ?? desk.preview?.frame ?? null,
  };
  let link = null;
  let parts = [];
  let waiting = 0;
  let asked = 0;
  let drawing = false;

  root.append(element("p", { class: "soft", text: t("learn.loading") }));
  open();

  async function open() {
    try {
      desk.info = await get("/api/train");
      build();
      await tryPlan(desk.info.start);
    } catch (error) {
      context.fail(error);
    }
  }

  function build() {
    const [controls, hints, plane, network, choices] = [makeControls, makeHints, makePlane, makeNetwork, makeChoices].map((make) => make(desk));
    const [curves, step, layers, runs, code] = [makeCurves, makeStep, makeLayers, makeRuns, makeCode].map((make) => make(desk));
    parts = [controls, hints, plane, network, choices, curves, step, layers, runs, code];
    const panel = (part, name) => pictured(part.root, () => `${desk.preview.source}-${name}`);
    root.replaceChildren(
      controls.root,
      hints.root,
      panel(step, "step"),
      element("div", { class: "learn-desk" },
        element("div", { class: "learn-stage" }, panel(plane, "result"), panel(network, "network")),
        panel(choices, "settings"),
        element("div", { class: "learn-main" }, panel(curves, "curves"), panel(layers, "layers"), panel(runs, "runs"), panel(code, "code"))),
    );
  }

  /** Show what is so, at the next moment at which the screen is painted. */
  function draw() {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      for (const part of parts) part.draw();
    });
  }

  /** Take another plan; what runs is put away. */
  function change(plan) {
    desk.plan = plan;
    clearTimeout(waiting);
    waiting = setTimeout(() => tryPlan(plan), PATIENCE);
  }

  async function tryPlan(plan) {
    const mine = ++asked;
    desk.plan = plan;
    try {
      const preview = await post("/api/train/plan", plan);
      if (mine !== asked) return;
      putAway();
      Object.assign(desk, { preview, plan: preview.plan, fault: null, unit: null });
    } catch (error) {
      if (mine !== asked) return;
      if (!(error instanceof ApiError) || error.status !== 422) context.fail(error);
      desk.fault = error instanceof ApiError ? error.told() : t("error.page");
    }
    draw();
  }

  function putAway() {
    if (desk.run !== null && desk.run.frame?.state !== "over") link?.send({ do: "end" });
    link?.close();
    link = null;
    Object.assign(desk, { run: null, walk: null, notice: "", said: "" });
  }

  /** Begin the training if it has not begun, or is over, and give it an order: play, pause, epoch, batch, walk. */
  async function order(message) {
    context.fail(null);
    try {
      clearTimeout(waiting);
      if (JSON.stringify(desk.plan) !== JSON.stringify(desk.preview?.plan)) await tryPlan(desk.plan);
      if (desk.fault !== null) return;
      if (link === null || desk.run?.frame?.state === "over") await begin();
      if (message.do !== "walk") desk.walk = null;
      link.send(message);
    } catch (error) {
      context.fail(error);
      draw();
    }
  }

  async function begin() {
    const before = desk.run?.id ?? null;
    link?.close();
    const { id } = await post("/api/train", { plan: desk.plan, instead_of: before });
    const run = { id, plan: desk.plan, frame: desk.preview.frame, history: [], points: desk.preview.points };
    Object.assign(desk, { run, walk: null, notice: "" });
    link = await connect(id, {
      told(told) {
        if (desk.run === run) hear(run, told);
      },
      lost(key) {
        if (desk.run !== run) return;
        desk.notice = key;
        if (run.frame !== null) run.frame = { ...run.frame, state: key === "learn.lost.gone" ? "over" : "lost" };
        context.announce(t(key));
        draw();
      },
      found() {
        desk.notice = "";
        draw();
      },
    });
  }

  function hear(run, told) {
    if (told.error) context.fail(new ApiError(422, told.error));
    if (told.walk) {
      desk.walk = { told: told.walk, place: 0, agrees: null };
      context.announce(t("learn.step.began", { batch: told.walk.batch, epoch: told.walk.epoch }));
    }
    if (told.frame) {
      const before = run.frame?.state;
      run.frame = told.frame;
      run.history.splice(told.first, run.history.length, ...told.history);
      if (told.agrees !== undefined && desk.walk !== null) desk.walk = { ...desk.walk, agrees: told.agrees };
      if (before !== told.frame.state && told.frame.state !== "going") context.announce(sayWhere(told.frame));
    }
    draw();
  }

  function sayWhere(frame) {
    return t(frame.state === "over" ? "learn.said.over" : "learn.said.waiting", { epoch: frame.epoch, epochs: frame.epochs });
  }

  /** Go back to before the first step. */
  function startOver() {
    putAway();
    draw();
  }

  /** Keep the run to compare others with. */
  function keep() {
    const { id, plan, frame, history, points } = desk.run;
    const number = 1 + Math.max(0, ...desk.kept.map((run) => run.number));
    desk.kept = [...desk.kept, { id, number, plan, frame, history: [...history], points }].slice(-6);
    context.announce(t("learn.runs.said", { number }));
    draw();
  }

  /** Look at a stage of the slow step; beyond the last one, the step is taken. */
  function walkTo(place) {
    const { told } = desk.walk;
    if (place >= told.stages.length) {
      link?.send({ do: "batch" });
      return;
    }
    desk.walk = { ...desk.walk, place: Math.max(0, place) };
    draw();
  }

  /** Look at a unit, or at none. */
  function lookAt(unit) {
    desk.unit = unit;
    draw();
  }

  return {
    refresh() {
      if (desk.info === null) return;
      build();
      draw();
    },
    hide() {
      if (desk.run?.frame?.state === "going") link?.send({ do: "pause" });
    },
  };
}
