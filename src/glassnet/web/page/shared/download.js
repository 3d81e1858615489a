// File downloads.

import { element } from "/shared/elements.js";

/** Milliseconds after which the browser has started to write the file. */
const REVOKE_DELAY = 10_000;

/** Download a Blob under a file name. */
export function download(blob, name) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), REVOKE_DELAY);
}
