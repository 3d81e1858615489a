// Learn: run and watch a training. This module holds the state and assembles the parts; each part is a module in learn/
// with a function that returns { root, draw() }, where draw renders the current state.
//
// store, passed to every part:
//   info              response of GET /api/train: tables, tasks, limits
//   plan              the current plan; change it with store.setPlan(plan)
//   preview           response of POST /api/train/preview: structure, rows, points, code, snapshot before the first step
//   error             why the plan is invalid, or null
//   run               { id, plan, snapshot, history } of the training, or null before it is started
//   keptRuns          runs kept for comparison: { id, number, plan, snapshot, history, points }
//   trace             trace of one step: { content, index, matches }, or null
//   unit              the selected unit { layer, index }, or null
//   connectionNotice  text key of a connection problem, or ""
//   exportStatus      result of saving or using the model, or ""

import { makeBoundary } from "/learn/boundary.js";
import { connect } from "/learn/connection.js";
import { makeControls } from "/learn/controls.js";
import { makeCurves } from "/learn/curves.js";
import { makeCode } from "/learn/export.js";
import { makeHints } from "/learn/hints.js";
import { makeLayers } from "/learn/layers.js";
import { makeNetwork } from "/learn/network.js";
import { makeRuns } from "/learn/runs.js";
import { makeSettings } from "/learn/settings.js";
import { makeStep } from "/learn/step.js";
import { ApiError, get, post } from "/shared/api.js";
import { element } from "/shared/elements.js";
import { t } from "/shared/i18n.js";
import { withExportMenu } from "/shared/panel_export.js";

/** Milliseconds to wait for further changes of the plan before a preview is requested. */
const DEBOUNCE = 200;

/** Mount the tab. */
export function mount(root, context) {
  const store = {
    context, info: null, plan: null, preview: null, error: null, run: null, keptRuns: [], trace: null, unit: null, connectionNotice: "", exportStatus: "",
    setPlan, send, reset, keepRun, showStage, selectUnit, draw,
    snapshot: () => store.run?.snapshot ?? store.preview?.snapshot ?? null,
  };
  let connection = null;
  let parts = [];
  let timer = 0;
  let requests = 0;
  let drawing = false;

  root.append(element("p", { class: "soft", text: t("learn.loading") }));
  load();

  async function load() {
    try {
      store.info = await get("/api/train");
      build();
      await applyPlan(store.info.initial_plan);
    } catch (error) {
      context.fail(error);
    }
  }

  function build() {
    const [controls, hints, plane, network, choices] = [makeControls, makeHints, makeBoundary, makeNetwork, makeSettings].map((make) => make(store));
    const [curves, step, layers, runs, code] = [makeCurves, makeStep, makeLayers, makeRuns, makeCode].map((make) => make(store));
    parts = [controls, hints, plane, network, choices, curves, step, layers, runs, code];
    const panel = (part, name) => withExportMenu(part.root, () => `${store.preview.source}-${name}`);
    root.replaceChildren(
      controls.root,
      hints.root,
      panel(step, "step"),
      element("div", { class: "learn-layout" },
        element("div", { class: "learn-stage" }, panel(plane, "result"), panel(network, "network")),
        panel(choices, "settings"),
        element("div", { class: "learn-main" }, panel(curves, "curves"), panel(layers, "layers"), panel(runs, "runs"), panel(code, "code"))),
    );
  }

  /** Render all parts in the next animation frame. */
  function draw() {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      for (const part of parts) part.draw();
    });
  }

  /** Set the plan; the current run is discarded. */
  function setPlan(plan) {
    store.plan = plan;
    clearTimeout(timer);
    timer = setTimeout(() => applyPlan(plan), DEBOUNCE);
  }

  async function applyPlan(plan) {
    const request = ++requests;
    store.plan = plan;
    try {
      const preview = await post("/api/train/preview", plan);
      if (request !== requests) return;
      discardRun();
      Object.assign(store, { preview, plan: preview.plan, error: null, unit: null });
    } catch (error) {
      if (request !== requests) return;
      if (!(error instanceof ApiError) || error.status !== 422) context.fail(error);
      store.error = error instanceof ApiError ? error.localizedMessage() : t("error.page");
    }
    draw();
  }

  function discardRun() {
    if (store.run !== null && store.run.snapshot?.state !== "finished") connection?.send({ command: "stop" });
    connection?.close();
    connection = null;
    Object.assign(store, { run: null, trace: null, connectionNotice: "", exportStatus: "" });
  }

  /** Send a command (play, pause, epoch, batch, trace), starting a training first if none is active. */
  async function send(command) {
    context.fail(null);
    try {
      clearTimeout(timer);
      if (JSON.stringify(store.plan) !== JSON.stringify(store.preview?.plan)) await applyPlan(store.plan);
      if (store.error !== null) return;
      if (connection === null || store.run?.snapshot?.state === "finished") await startTraining();
      if (command.command !== "trace") store.trace = null;
      connection.send(command);
    } catch (error) {
      context.fail(error);
      draw();
    }
  }

  async function startTraining() {
    const previous = store.run?.id ?? null;
    connection?.close();
    const { id } = await post("/api/train", { plan: store.plan, replaces: previous });
    const run = { id, plan: store.plan, snapshot: store.preview.snapshot, history: [], points: store.preview.points };
    Object.assign(store, { run, trace: null, connectionNotice: "" });
    connection = await connect(id, {
      onMessage(message) {
        if (store.run === run) onMessage(run, message);
      },
      onLost(key) {
        if (store.run !== run) return;
        store.connectionNotice = key;
        if (run.snapshot !== null) run.snapshot = { ...run.snapshot, state: key === "learn.connection.unknown" ? "finished" : "disconnected" };
        context.announce(t(key));
        draw();
      },
      onReconnected() {
        store.connectionNotice = "";
        draw();
      },
    });
  }

  function onMessage(run, message) {
    if (message.error) context.fail(new ApiError(422, message.error));
    if (message.trace) {
      store.trace = { content: message.trace, index: 0, matches: null };
      context.announce(t("learn.step.started", { batch: message.trace.batch, epoch: message.trace.epoch }));
    }
    if (message.snapshot) {
      const previous = run.snapshot?.state;
      run.snapshot = message.snapshot;
      run.history.splice(message.first, run.history.length, ...message.history);
      if (message.trace_matches !== undefined && store.trace !== null) store.trace = { ...store.trace, matches: message.trace_matches };
      if (previous !== message.snapshot.state && message.snapshot.state !== "running") context.announce(describeProgress(message.snapshot));
    }
    draw();
  }

  function describeProgress(snapshot) {
    return t(snapshot.state === "finished" ? "learn.status.finished" : "learn.status.paused", { epoch: snapshot.epoch, epochs: snapshot.epochs });
  }

  /** Reset to the state before the first step. */
  function reset() {
    discardRun();
    draw();
  }

  /** Keep the run for comparison. */
  function keepRun() {
    const { id, plan, snapshot, history, points } = store.run;
    const number = 1 + Math.max(0, ...store.keptRuns.map((run) => run.number));
    store.keptRuns = [...store.keptRuns, { id, number, plan, snapshot, history: [...history], points }].slice(-6);
    context.announce(t("learn.runs.kept", { number }));
    draw();
  }

  /** Show a stage of the trace; after the last stage, run the step. */
  function showStage(index) {
    const { content } = store.trace;
    if (index >= content.stages.length) {
      connection?.send({ command: "batch" });
      return;
    }
    store.trace = { ...store.trace, index: Math.max(0, index) };
    draw();
  }

  /** Select a unit, or none (null). */
  function selectUnit(unit) {
    store.unit = unit;
    draw();
  }

  return {
    refresh() {
      if (store.info === null) return;
      build();
      draw();
    },
    hide() {
      if (store.run?.snapshot?.state === "running") connection?.send({ command: "pause" });
    },
  };
}
