/**
 * Drawing anew without taking away what the user is just using.
 *
 * Contract: while a button is pressed, drawing waits until it is let go: a click whose button is
 * another one at its end than at its beginning reaches neither. What has the focus and an id
 * gets the focus back.
 */

/** The browser sends the click after the release; after a touch, a moment later. */
const CLICK_MS = 50;

/** Return how to draw `node` anew: by `draw`, at once or after the press of a button. */
export function steady(node: HTMLElement, draw: () => void): () => void {
  let pressed = false;
  let waiting = false;
  const redraw = () => {
    waiting = pressed;
    if (!pressed) {
      const focused = document.activeElement;
      const id = node.contains(focused) && focused?.id;
      draw();
      if (id) {
        document.getElementById(id)?.focus();
      }
    }
  };
  const released = () => {
    pressed = false;
    if (waiting) {
      redraw();
    }
  };
  node.addEventListener('pointerdown', event => {
    if (!(event.target as Element).closest('button')) {
      return; // a list that opens may keep the release to itself
    }
    pressed = true;
    const over = new AbortController();
    const end = () => {
      over.abort();
      setTimeout(released, CLICK_MS);
    };
    for (const release of ['pointerup', 'pointercancel']) {
      window.addEventListener(release, end, { capture: true, signal: over.signal });
    }
  });
  // What the click does may draw at once.
  node.addEventListener('click', () => (pressed = false), { capture: true });
  return redraw;
}
