/**
 * What a click on the status item opens: state, model, pause, and why nothing was shown.
 *
 * Contract: shows what the status store knows and sends the user's clicks to the server;
 * decides nothing. Loaded when it is first opened.
 */

import { make, type Opener } from './item.js';
import { addStyle } from './style.js';
import { ModelsTalk, missingModels, type Listing } from './modelstalk.js';
import { NOTE_STYLE } from './notestyle.js';
import { POPUP_STYLE } from './popupstyle.js';
import type { StatusStore } from './status.js';
import { steady } from './steady.js';
import { inWords, type Status, type Talk } from './talk.js';
import { STATE_WORDS, stateOf } from './words.js';

const WIDTH = 320;

export class Popup {
  private static open: Popup | null = null;
  private readonly node = make('div', 'la-Popup jp-StatusBar-HoverItem jp-ThemedContainer');
  private readonly ended = new AbortController();
  private failure: { message: string; fix: string } | null = null;
  private shown = '';
  private listing: Listing | null = null;
  private asking = false;
  private readonly draw = steady(this.node, () => this.drawNow());

  /** Open the popup at `anchor`, or close it where it is open. */
  static toggle(
    anchor: HTMLElement,
    store: StatusStore,
    talk: Talk,
    open: Opener
  ): void {
    if (Popup.open) {
      Popup.open.close();
    } else {
      Popup.open = new Popup(anchor, store, talk, open);
    }
  }

  private constructor(
    private readonly anchor: HTMLElement,
    private readonly store: StatusStore,
    private readonly talk: Talk,
    private readonly opener: Opener
  ) {
    addStyle('note', NOTE_STYLE);
    addStyle('popup', POPUP_STYLE);
    this.node.setAttribute('role', 'dialog');
    this.node.setAttribute('aria-label', 'Ghost text');
    anchor.classList.add('jp-mod-clicked');
    this.place();
    document.body.append(this.node);
    this.listen();
    this.draw();
    void talk.status(true).then(status => store.take(status));
    void this.look();
  }

  private listen(): void {
    const { signal } = this.ended;
    signal.addEventListener('abort', this.store.onChange(() => this.draw()));
    window.addEventListener('resize', () => this.place(), { signal });
    const outside = (event: Event) => {
      const target = event.target as Node;
      if (!this.node.contains(target) && !this.anchor.contains(target)) {
        this.close();
      }
    };
    document.addEventListener('mousedown', outside, { signal, capture: true });
    const keydown = (event: KeyboardEvent) => {
      if (event.key === 'Escape') {
        event.preventDefault();
        event.stopImmediatePropagation();
        this.close();
        this.anchor.focus();
      }
    };
    document.addEventListener('keydown', keydown, { signal, capture: true });
  }

  /** Above the anchor in a status bar, below it in a bar at the top. */
  private place(): void {
    const { left, right, top, bottom } = this.anchor.getBoundingClientRect();
    const low = top > window.innerHeight / 2;
    const { style } = this.node;
    style.bottom = low ? `${window.innerHeight - top}px` : '';
    style.top = low ? '' : `${bottom}px`;
    style.right = `${Math.max(0, window.innerWidth - Math.max(right, left + WIDTH))}px`;
  }

  private close(): void {
    Popup.open = null;
    this.ended.abort();
    this.node.remove();
    this.anchor.classList.remove('jp-mod-clicked');
  }

  private drawNow(): void {
    const { value, why, latency } = this.store;
    const { listing, asking } = this;
    const facts = JSON.stringify([value, why, latency, this.failure, listing, asking]);
    if (facts === this.shown) {
      return; // A list that is open would close.
    }
    this.shown = facts;
    const state = stateOf(value);
    this.node.dataset.state = state;
    const words = make('span', 'la-Popup-state', STATE_WORDS[state]);
    this.node.replaceChildren(
      make('div', 'la-Popup-head', make('span', 'la-Popup-title', 'Ghost text'), words),
      this.models(value),
      this.facts(value, latency),
      ...this.notes(value, why),
      ...this.standIn(),
      this.buttons(value)
    );
  }

  private models(value: Status | null): HTMLElement {
    const list = make('select', 'la-Popup-model jp-mod-styled');
    list.id = 'la-popup-model';
    const names = (value?.models ?? []).map(({ name, insert }) => {
      const plain = name.replace(/:latest$/, '');
      return { name: plain, label: insert ? plain : `${plain} (no infill)` };
    });
    const current = (value?.model ?? '').replace(/:latest$/, '');
    if (!names.some(({ name }) => name === current)) {
      names.unshift({ name: current, label: current || 'No model' });
    }
    for (const { name, label } of names) {
      list.append(new Option(label, name, false, name === current));
    }
    list.addEventListener('change', () => void this.set('models.completion', list.value));
    return make('label', 'la-Popup-row', make('span', '', 'Model'), list);
  }

  private facts(value: Status | null, latency: number | null): HTMLElement {
    const server = value?.server;
    const kind = server?.kind === 'ollama' ? 'Ollama' : 'Built-in engine';
    const where = server?.kind
      ? `${kind}, ${server.local ? 'this machine' : 'another machine'}`
      : 'Not running';
    const time = latency === null ? 'No suggestion yet' : `${Math.round(latency)} ms`;
    return make(
      'div',
      '',
      make('div', 'la-Popup-row', make('span', '', 'Answers from'), make('span', '', where)),
      make('div', 'la-Popup-row', make('span', '', 'Last first word'), make('span', '', time))
    );
  }

  private notes(value: Status | null, why: string | null): HTMLElement[] {
    const notes: HTMLElement[] = [];
    const error = this.failure ?? value?.error;
    if (error) {
      const fix = make('div', 'la-Note-fix', error.fix);
      notes.push(make('div', 'la-Note la-mod-error', error.message, fix));
    } else if (value?.hint && !this.standsIn) {
      notes.push(make('div', 'la-Note', value.hint));
    }
    if (why && !error) {
      const title = make('span', 'la-Note-title', 'Why nothing was shown: ');
      notes.push(make('div', 'la-Note la-Popup-why', title, why));
    }
    return notes;
  }

  private get standsIn(): boolean {
    return this.listing !== null && missingModels(this.listing) !== null;
  }

  /** Offer what is wanted and not there, with its size, and ask once more. */
  private standIn(): HTMLElement[] {
    const { listing } = this;
    if (!listing) {
      return [];
    }
    if (listing.job && !listing.job.done) {
      const more = make('button', 'jp-mod-styled', 'Progress…');
      more.addEventListener('click', () => this.leaveFor('models'));
      const what = `${listing.job.models.join(', ')} is being downloaded.`;
      return [make('div', 'la-Note', what, make('div', 'la-Popup-buttons', more))];
    }
    const missing = missingModels(listing);
    if (!missing) {
      return [];
    }
    const { names, size, text } = missing;
    const what = this.asking ? `Download ${names.join(', ')}${size && ` (${size})`} now?` : text;
    const buttons = make('div', 'la-Popup-buttons');
    const label = size ? `Download ${size}…` : 'Download…';
    const get = make('button', 'jp-mod-styled', this.asking ? 'Yes, download' : label);
    get.addEventListener('click', () => void this.download(names));
    if (this.asking) {
      const no = make('button', 'jp-mod-styled', 'Not now');
      no.addEventListener('click', () => this.ask(false));
      get.classList.add('jp-mod-accept');
      buttons.append(no);
    }
    buttons.append(get);
    return [make('div', 'la-Note la-Popup-standIn', what, buttons)];
  }

  private async download(names: string[]): Promise<void> {
    if (!this.asking) {
      this.ask(true);
      return;
    }
    try {
      await new ModelsTalk(this.talk).job('POST', names);
      this.leaveFor('models');
    } catch (error) {
      this.asking = false;
      this.failure = inWords(error);
      this.draw();
    }
  }

  private ask(asking: boolean): void {
    this.asking = asking;
    this.draw();
    this.node.querySelector<HTMLElement>('.la-Popup-standIn button:last-child')?.focus();
  }

  private async look(): Promise<void> {
    try {
      this.listing = await new ModelsTalk(this.talk).list();
    } catch {
      this.listing = null; // the status says what is wrong
    }
    if (!this.ended.signal.aborted) {
      this.draw();
    }
  }

  private buttons(value: Status | null): HTMLElement {
    const on = value?.enabled !== false;
    const pause = make('button', 'jp-mod-styled', on ? 'Pause' : 'Resume');
    pause.id = 'la-popup-pause';
    pause.addEventListener('click', () => void this.set('completion.enabled', !on));
    const panel = (label: string, name: 'settings' | 'models') => {
      const button = make('button', 'jp-mod-styled', label);
      button.addEventListener('click', () => this.leaveFor(name));
      return button;
    };
    const models = panel('Models…', 'models');
    models.classList.add('jp-mod-accept');
    return make('div', 'la-Popup-buttons', pause, panel('Settings…', 'settings'), models);
  }

  private leaveFor(panel: 'settings' | 'models'): void {
    this.close();
    this.opener(panel);
  }

  private async set(key: string, value: unknown): Promise<void> {
    try {
      await this.talk.set(key, value);
      this.failure = null;
    } catch (error) {
      this.failure = inWords(error);
    }
    const status = await this.talk.status(true);
    this.store.take(status);
    if (key === 'models.completion' && !this.failure) {
      this.store.take(await this.talk.warm());
    }
    this.draw();
  }
}
