// Play, pause, one epoch, one batch, one step slowly, start over; and where the training stands.

import { element } from "/shared/elements.js";
import { number, t } from "/shared/i18n.js";

const PACES = [2, 8, 20, 60, null];
const KEPT = "glassnet.pace";

/** The bar of controls. */
export function makeControls(desk) {
  let pace = JSON.parse(sessionStorage.getItem(KEPT) ?? "20");

  const play = button("play", () => desk.order(going() ? { do: "pause" } : { do: "play", pace }), "main");
  const epoch = button("epoch", () => desk.order({ do: "epoch" }));
  const batch = button("batch", () => desk.order({ do: "batch" }));
  const slowly = button("slowly", () => desk.order({ do: "walk" }));
  const over = button("over", desk.startOver);
  const speed = element("select", { id: "learn-pace", onchange: choosePace },
    PACES.map((value) => element("option", { value: JSON.stringify(value), selected: value === pace, text: paceText(value) })),
  );
  const where = element("p", { class: "learn-where", "aria-live": "off" });
  const bar = element("progress", { class: "learn-progress", "aria-label": t("learn.progress"), max: 1, value: 0 });
  const notice = element("p", { class: "learn-notice", role: "alert", hidden: true });
  const root = element("section", { class: "card learn-controls", "aria-label": t("learn.controls") },
    element("h2", { class: "unseen", text: t("tab.learn") }),
    element("div", { class: "row" }, play, epoch, batch, slowly, over,
      element("label", { class: "learn-pace" }, element("span", { text: t("learn.pace") }), speed)),
    element("div", { class: "learn-stand" }, bar, where),
    notice,
  );

  function button(name, onclick, kind = "") {
    return element("button", { type: "button", class: `learn-${name} ${kind}`, text: t(`learn.do.${name}`), title: t(`learn.about.${name}`), onclick });
  }

  function paceText(value) {
    return value === null ? t("learn.pace.full") : t("learn.pace.of", { count: number(value) });
  }

  function choosePace() {
    pace = JSON.parse(speed.value);
    sessionStorage.setItem(KEPT, speed.value);
    if (going()) desk.order({ do: "play", pace });
  }

  function going() {
    return desk.run?.frame?.state === "going";
  }

  function draw() {
    const frame = desk.frame();
    const state = desk.run === null ? "ready" : frame?.state ?? "waiting";
    const still = desk.preview === null || desk.info.read_only || state === "lost";
    play.textContent = t(state === "going" ? "learn.do.pause" : state === "over" ? "learn.do.again" : "learn.do.play");
    for (const each of [play, epoch, batch, slowly]) each.disabled = still || desk.fault !== null;
    slowly.disabled ||= desk.plan?.settings?.optimizer === "lbfgs";
    slowly.title = t(desk.plan?.settings?.optimizer === "lbfgs" ? "learn.about.no_batches" : "learn.about.slowly");
    over.disabled = desk.run === null;
    if (frame === null) return;
    bar.max = frame.epochs;
    bar.value = frame.epoch + (frame.batches ? frame.batch / frame.batches : 0);
    where.replaceChildren(
      element("strong", { text: t(`learn.state.${state}`) }), " ",
      t("learn.where", { epoch: number(frame.epoch), epochs: number(frame.epochs), batch: number(frame.batch), batches: number(frame.batches) }),
      why(frame, state),
    );
    const told = desk.info.read_only ? t("error.read_only") : desk.notice ? t(desk.notice) : "";
    if (notice.textContent !== told) notice.textContent = told;
    notice.hidden = told === "";
  }

  function why(frame, state) {
    if (state !== "over") return "";
    if (frame.fault) return ` ${frame.fault}`;
    const told = reasonOf(frame.stop_reason);
    const best = frame.best_epoch && frame.best_epoch !== frame.epoch && desk.plan.settings.restore_best;
    return ` ${told}${best ? ` ${t("learn.why.best", { epoch: number(frame.best_epoch) })}` : ""}`;
  }

  return { root, draw };
}

/** Why the training ended, as the library says it, in the page's language. */
function reasonOf(reason) {
  const known = {
    "all epochs done": "done", diverged: "diverged", stopped: "stopped", "another began": "another", "left alone": "left", "the server ended": "server",
  }[reason];
  if (known !== undefined) return t(`learn.why.${known}`);
  const waited = /^no better for (\d+) epochs$/.exec(reason);
  if (waited !== null) return t("learn.why.no_better", { epochs: number(Number(waited[1])) });
  return reason.startsWith("L-BFGS came to rest") ? t("learn.why.rest") : reason;
}
