// Training controls (train, pause, one epoch, one batch, trace, reset) and progress.

import { element } from "/shared/elements.js";
import { number, t } from "/shared/i18n.js";

const SPEEDS = [2, 8, 20, 60, null];
const SPEED_KEY = "glassnet.pace";

/** The control bar. */
export function makeControls(store) {
  let speed = JSON.parse(sessionStorage.getItem(SPEED_KEY) ?? "20");

  const play = button("play", () => store.send(isRunning() ? { command: "pause" } : { command: "play", speedField: speed }), "main");
  const epoch = button("epoch", () => store.send({ command: "epoch" }));
  const batch = button("batch", () => store.send({ command: "batch" }));
  const trace = button("trace", () => store.send({ command: "trace" }));
  const reset = button("reset", store.reset);
  const speedField = element("select", { id: "learn-speed", onchange: onSpeedChange },
    SPEEDS.map((value) => element("option", { value: JSON.stringify(value), selected: value === speed, text: speedText(value) })),
  );
  const progressText = element("p", { class: "learn-progress-text", "aria-live": "off" });
  const progressBar = element("progress", { class: "learn-progress", "aria-label": t("learn.progress"), max: 1, value: 0 });
  const alert = element("p", { class: "learn-notice", role: "alert", hidden: true });
  const root = element("section", { class: "card learn-controls", "aria-label": t("learn.controls") },
    element("h2", { class: "visually-hidden", text: t("tab.learn") }),
    element("div", { class: "row" }, play, epoch, batch, trace, reset,
      element("label", { class: "learn-speed" }, element("span", { text: t("learn.speed") }), speedField)),
    element("div", { class: "learn-progress-row" }, progressBar, progressText),
    alert,
  );

  function button(name, onclick, kind = "") {
    return element("button", { type: "button", class: `learn-${name} ${kind}`, text: t(`learn.do.${name}`), title: t(`learn.about.${name}`), onclick });
  }

  function speedText(value) {
    return value === null ? t("learn.speed.unlimited") : t("learn.speed.value", { count: number(value) });
  }

  function onSpeedChange() {
    speed = JSON.parse(speedField.value);
    sessionStorage.setItem(SPEED_KEY, speedField.value);
    if (isRunning()) store.send({ command: "play", speedField: speed });
  }

  function isRunning() {
    return store.run?.snapshot?.state === "running";
  }

  function draw() {
    const snapshot = store.snapshot();
    const state = store.run === null ? "ready" : snapshot?.state ?? "paused";
    const isDisabled = store.preview === null || store.info.read_only || state === "disconnected";
    play.textContent = t(state === "running" ? "learn.do.pause" : state === "finished" ? "learn.do.again" : "learn.do.play");
    for (const each of [play, epoch, batch, trace]) each.disabled = isDisabled || store.error !== null;
    trace.disabled ||= store.plan?.settings?.optimizer === "lbfgs";
    trace.title = t(store.plan?.settings?.optimizer === "lbfgs" ? "learn.about.no_batches" : "learn.about.trace");
    reset.disabled = store.run === null;
    if (snapshot === null) return;
    progressBar.max = snapshot.epochs;
    progressBar.value = snapshot.epoch + (snapshot.batches ? snapshot.batch / snapshot.batches : 0);
    progressText.replaceChildren(
      element("strong", { text: t(`learn.state.${state}`) }), " ",
      t("learn.position", { epoch: number(snapshot.epoch), epochs: number(snapshot.epochs), batch: number(snapshot.batch), batches: number(snapshot.batches) }),
      stopReason(snapshot, state),
    );
    const message = store.info.read_only ? t("error.read_only") : store.connectionNotice ? t(store.connectionNotice) : "";
    if (alert.textContent !== message) alert.textContent = message;
    alert.hidden = message === "";
  }

  function stopReason(snapshot, state) {
    if (state !== "finished") return "";
    if (snapshot.error) return ` ${snapshot.error}`;
    const message = reasonText(snapshot.stop_reason);
    const best = snapshot.best_epoch && snapshot.best_epoch !== snapshot.epoch && store.plan.settings.restore_best;
    return ` ${message}${best ? ` ${t("learn.why.best_epoch", { epoch: number(snapshot.best_epoch) })}` : ""}`;
  }

  return { root, draw };
}

/** The localized reason why the training ended. */
function reasonText(reason) {
  const key = {
    "all epochs done": "done", diverged: "diverged", stopped: "stopped", "replaced by another training": "replaced", "no client connected": "no_client", "server shutdown": "shutdown",
  }[reason];
  if (key !== undefined) return t(`learn.why.${key}`);
  const patience = /^no better for (\d+) epochs$/.exec(reason);
  if (patience !== null) return t("learn.why.no_improvement", { epochs: number(Number(patience[1])) });
  return reason.startsWith("L-BFGS came to rest") ? t("learn.why.converged") : reason;
}
