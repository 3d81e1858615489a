// The line to a training: a WebSocket that is taken up again when it is lost.

import { get, socket } from "/shared/api.js";

const AGAIN = 1500;

/**
 * Open the line; resolves when it stands. `told(message)` is called with each message, `lost(key)` with the key of a text
 * when the line is gone, `found()` when it stands again.
 */
export function connect(id, { told, lost, found }) {
  let line = null;
  let closed = false;

  function open(ready, failed) {
    line = socket(`/api/train/${id}`);
    line.addEventListener("open", () => ready());
    line.addEventListener("message", (message) => told(JSON.parse(message.data)));
    line.addEventListener("close", () => {
      failed?.();
      if (closed) return;
      lost("learn.lost.away");
      setTimeout(again, AGAIN);
    });
  }

  /** Ask whether the server is back, and whether it still knows the training. */
  async function again() {
    if (closed) return;
    try {
      await get(`/api/train/${id}`);
    } catch (error) {
      if (error.status === 404) lost("learn.lost.gone");
      else setTimeout(again, AGAIN);
      return;
    }
    open(found);
  }

  const handle = {
    send(message) {
      if (line.readyState === WebSocket.OPEN) line.send(JSON.stringify(message));
    },
    close() {
      closed = true;
      // what was said last is to arrive
      line.close();
    },
  };
  return new Promise((resolve, reject) => {
    let stands = false;
    open(() => {
      stands = true;
      resolve(handle);
    }, () => {
      if (!stands) {
        closed = true;
        reject(new Error("the line to the training could not be opened"));
      }
    });
  });
}
