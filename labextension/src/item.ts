/**
 * The item in the status bar: model, state and speed at a glance; a click opens the popup.
 *
 * Contract: shows what the status store knows. Text goes into the page as text, never as
 * markup.
 */

import type { Shared, Widget } from './jupyterlab.js';
import type { StatusStore } from './status.js';
import type { Talk } from './talk.js';
import { STATE_WORDS, stateOf, summary } from './words.js';

const GHOST =
  '<svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true"><path fill="currentColor"' +
  ' fill-rule="evenodd" d="M8 1.5a5 5 0 0 0-5 5v8l1.7-1.4 1.6 1.4L8 13.1l1.7 1.4 1.6-1.4 1.7 1.4' +
  'v-8a5 5 0 0 0-5-5zM6.2 5.8a1 1 0 1 1 0 2 1 1 0 0 1 0-2z' +
  'm3.6 0a1 1 0 1 1 0 2 1 1 0 0 1 0-2z"/></svg>';

/** Make an element with classes and children; a string is text. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = '',
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  node.className = className;
  node.append(...children);
  return node;
}

/** Opens one of our panels. */
export type Opener = (panel: 'settings' | 'models') => void;

export class StatusItem {
  readonly widget: Widget;
  private readonly text = make('span', 'la-Item-text');

  constructor(
    shared: Shared,
    private readonly store: StatusStore,
    private readonly talk: Talk,
    private readonly open: Opener
  ) {
    const icon = make('span', 'la-Item-icon');
    icon.innerHTML = GHOST;
    const node = make('div', 'la-Item jp-StatusBar-TextItem', icon, this.text);
    node.tabIndex = 0;
    node.setAttribute('role', 'button');
    node.setAttribute('aria-haspopup', 'dialog');
    // The editor keeps the focus: its loss would move the items of the bar under the pointer.
    node.addEventListener('mousedown', event => event.preventDefault());
    node.addEventListener('click', () => void this.toggle());
    node.addEventListener('keydown', event => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault();
        void this.toggle();
      }
    });
    this.widget = new shared.Widget({ node });
    this.widget.id = 'local-assistant-status';
    this.widget.addClass('jp-mod-highlighted');
    store.onChange(() => this.draw());
    this.draw();
  }

  private draw(): void {
    const { value, latency, why } = this.store;
    const state = stateOf(value);
    const node = this.widget.node;
    const text = summary(value, latency);
    if (this.text.textContent !== text) {
      this.text.textContent = text;
    }
    node.dataset.state = state;
    const detail = value?.error?.message ?? value?.hint ?? why;
    node.title = ['Ghost text: ' + STATE_WORDS[state], value?.model, detail]
      .filter(part => part)
      .join('\n');
  }

  private async toggle(): Promise<void> {
    const { Popup } = await import('./popup.js');
    Popup.toggle(this.widget.node, this.store, this.talk, this.open);
  }
}
