// WebSocket connection to a training, with reconnection.

import { get, socket } from "/shared/api.js";

const RETRY_DELAY = 1500;

/**
 * Connect; resolves when the connection is open. `onMessage(message)` is called with each message, `onLost(key)` with the
 * key of a text when the connection is lost, `onReconnected()` when it is open again.
 */
export function connect(id, { onMessage, onLost, onReconnected }) {
  let webSocket = null;
  let closed = false;

  function openSocket(ready, failed) {
    webSocket = socket(`/api/train/${id}`);
    webSocket.addEventListener("open", () => ready());
    webSocket.addEventListener("message", (message) => onMessage(JSON.parse(message.data)));
    webSocket.addEventListener("close", () => {
      failed?.();
      if (closed) return;
      onLost("learn.connection.lost");
      setTimeout(reconnect, RETRY_DELAY);
    });
  }

  /** Check whether the server responds and still has the training. */
  async function reconnect() {
    if (closed) return;
    try {
      await get(`/api/train/${id}`);
    } catch (error) {
      if (error.status === 404) onLost("learn.connection.unknown");
      else setTimeout(reconnect, RETRY_DELAY);
      return;
    }
    openSocket(onReconnected);
  }

  const handle = {
    send(message) {
      if (webSocket.readyState === WebSocket.OPEN) webSocket.send(JSON.stringify(message));
    },
    close() {
      closed = true;
      // pending messages are still sent
      webSocket.close();
    },
  };
  return new Promise((resolve, reject) => {
    let isOpen = false;
    openSocket(() => {
      isOpen = true;
      resolve(handle);
    }, () => {
      if (!isOpen) {
        closed = true;
        reject(new Error("the line to the training could not be opened"));
      }
    });
  });
}
