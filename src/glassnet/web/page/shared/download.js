// A file handed to the person who looks at the page.

import { element } from "/shared/elements.js";

/** Milliseconds after which the browser has surely begun to write. */
const BEGUN = 10_000;

/** Let the browser save a Blob under a name. */
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), BEGUN);
}
