/**
 * The model chooser: what answers, what is installed, what can be had, and the download.
 *
 * Contract: shows what the server tells and sends the user's clicks there; the choice is kept
 * in assistant.toml alone. A download belongs to the Jupyter server: it goes on while this
 * panel or the page is closed. Loaded when it is first opened.
 */

import { Download, button } from './download.js';
import { make } from './item.js';
import type { Widget, WidgetClass } from './jupyterlab.js';
import { MODELS_STYLE } from './modelsstyle.js';
import {
  ModelsTalk,
  ROLES,
  bytes,
  missingModels,
  type Failure,
  type Job,
  type Listing,
  type RoleName
} from './modelstalk.js';
import { installedTable, otherTable } from './modeltable.js';
import { NOTE_STYLE } from './notestyle.js';
import { PANEL_STYLE } from './panelstyle.js';
import type { StatusStore } from './status.js';
import { steady } from './steady.js';
import { addStyle } from './style.js';
import { inWords, type Talk } from './talk.js';

const LOOK_MS = 5_000;
const LOOK_AT_JOB_MS = 500;
const TITLES: Readonly<Record<RoleName, string>> = {
  chat: 'Chat and %%ai',
  completion: 'Completion (ghost text)',
  embedding: 'Embedding'
};

export function createModels(widget: WidgetClass, talk: Talk, store: StatusStore): Widget {
  addStyle('note', NOTE_STYLE);
  addStyle('panel', PANEL_STYLE);
  addStyle('models', MODELS_STYLE);
  const models = new Models(talk, store);
  const made = new widget({ node: models.node });
  made.id = 'local-assistant-models';
  made.title.label = 'Models';
  made.title.caption = 'Choose and download models';
  made.title.closable = true;
  models.run(() => made.isDisposed);
  return made;
}

class Models {
  readonly node = make('div', 'la-Panel la-Models');
  private readonly talk: ModelsTalk;
  private readonly about = make('p', 'la-Panel-about');
  private readonly problem = make('div', 'la-Note la-mod-error');
  private readonly notice = make('div', 'la-Note');
  private readonly roles = make('section', 'la-Panel-group');
  private readonly lists = make('div');
  private readonly name = make('input', 'jp-mod-styled la-Field-control');
  private readonly download: Download;
  private listing: Listing | null = null;
  private job: Job | null = null;
  private shown = '';
  private timer = 0;
  private closed: () => boolean = () => false;
  private readonly drawLists = steady(this.node, () => this.drawListsNow());

  constructor(
    private readonly ghost: Talk,
    private readonly store: StatusStore
  ) {
    this.talk = new ModelsTalk(ghost);
    this.download = new Download({
      end: () => void this.work('DELETE'),
      again: (models, force) => void this.work('POST', models, force),
      use: (role, model) => void this.use(role, model),
      uses: name => {
        const model = this.listing?.models.find(each => same(each.name, name));
        return (model?.suits ?? []).filter(role => !model?.answers.includes(role));
      }
    });
    this.problem.hidden = true;
    this.problem.setAttribute('role', 'alert');
    this.notice.hidden = true;
    this.notice.setAttribute('role', 'status');
    const sheet = make('div', 'la-Panel-sheet', make('h2', '', 'Models'), this.about);
    sheet.append(this.problem, this.notice, this.download.node, this.roles, this.lists, this.other());
    this.node.append(sheet);
  }

  /** Look at the server now and from time to time, until the panel is closed for good. */
  run(closed: () => boolean): void {
    this.closed = closed;
    void this.look();
  }

  private async look(): Promise<void> {
    clearTimeout(this.timer);
    if (this.closed()) {
      return;
    }
    const visible = !document.hidden && this.node.offsetParent !== null;
    if (visible || !this.listing || this.running) {
      await this.refresh();
    }
    this.timer = window.setTimeout(() => void this.look(), this.running ? LOOK_AT_JOB_MS : LOOK_MS);
  }

  private get running(): boolean {
    return this.job !== null && !this.job.done;
  }

  private async refresh(): Promise<void> {
    try {
      if (this.running) {
        this.take(await this.talk.job('GET'));
        if (this.running) {
          return;
        }
        void this.store.refresh(); // another model may answer now
      }
      this.draw(await this.talk.list());
      this.fail(null);
    } catch (error) {
      this.fail(inWords(error));
    }
  }

  private take(job: Job | null): void {
    this.job = job;
    this.download.draw(job);
    this.drawLists();
  }

  private async work(
    method: 'POST' | 'DELETE',
    models: string[] = [],
    force = false
  ): Promise<void> {
    const { talk } = this;
    try {
      const job = method === 'POST' ? talk.job('POST', models, force) : talk.job('DELETE');
      this.take(await job);
      this.fail(null);
    } catch (error) {
      this.fail(inWords(error));
    }
    void this.look();
  }

  private async use(role: RoleName | 'preset', model: string | null): Promise<void> {
    try {
      const listing = await this.talk.use(role, model);
      const notices = listing.notices ?? [];
      delete listing.notices;
      this.notice.hidden = !notices.length;
      this.notice.textContent = notices.join(' ');
      this.draw(listing);
      this.fail(null);
    } catch (error) {
      this.fail(inWords(error));
      this.shown = ''; // a list may show what was refused
      this.drawLists();
    }
    await this.store.refresh();
    if (role === 'completion' || role === 'preset') {
      this.store.take(await this.ghost.warm());
    }
  }

  private fail(failure: Failure | null): void {
    const said = failure ?? this.listing?.problem ?? null;
    this.problem.hidden = !said;
    const text = said ? `${said.message}\n${said.fix ?? ''}` : '';
    if (this.problem.dataset.said !== text) {
      this.problem.dataset.said = text;
      this.problem.replaceChildren(
        said?.message ?? '',
        make('div', 'la-Note-fix', said?.fix ?? '')
      );
    }
  }

  private draw(listing: Listing): void {
    this.listing = listing;
    this.take(listing.job);
  }

  private drawListsNow(): void {
    const { listing } = this;
    const facts = JSON.stringify({ ...listing, job: this.running });
    if (!listing || facts === this.shown) {
      return; // what has the focus, or is read just now, stays
    }
    this.shown = facts;
    this.about.replaceChildren(...aboutServer(listing));
    this.roles.replaceChildren(...this.inUse(listing));
    this.lists.replaceChildren(...this.tables(listing));
  }

  private inUse(listing: Listing): HTMLElement[] {
    const rows = ROLES.map(role => {
      const { named, source, model } = listing.roles[role];
      const side = make('span', 'la-Field-side');
      if (named) {
        const from = make('span', 'la-Field-source', source.replace(/^.*[/\\]/, ''));
        from.title = `models.${role} comes from: ${source}`;
        const reset = make('button', 'la-Field-reset', 'Leave it to the preset');
        reset.id = `la-reset-${role}`;
        reset.addEventListener('click', () => void this.use(role, null));
        side.append(from, reset);
      } else {
        side.append(make('span', 'la-Field-source', 'by the preset'));
      }
      const answer = make('span', 'la-Models-answer', model ?? `${named ?? 'nothing'} (not there)`);
      const row = make('div', 'la-Models-role', make('span', '', TITLES[role]), answer, side);
      row.dataset.role = role;
      return row;
    });
    return [make('h3', '', 'In use'), ...rows, this.preset(listing), ...this.standIn(listing)];
  }

  private preset(listing: Listing): HTMLElement {
    const { setting, reason } = listing.preset;
    const list = make('select', 'jp-mod-styled la-Models-preset');
    list.id = 'la-models-preset';
    list.append(new Option('auto: sized to this machine', 'auto', false, setting === 'auto'));
    for (const { name, summary, download } of listing.presets) {
      const label = `${name}: ${summary} (${bytes(download)})`;
      list.append(new Option(label, name, false, setting === name));
    }
    list.addEventListener('change', () => void this.use('preset', list.value));
    const label = make('label', '', 'Preset');
    label.htmlFor = list.id;
    const row = make('div', 'la-Models-role', label, list);
    return make('div', '', row, make('div', 'la-Models-reason', reason));
  }

  /** The demo model answers instead, or nothing does: say so, and offer what is missing. */
  private standIn(listing: Listing): HTMLElement[] {
    const missing = missingModels(listing);
    if (!missing) {
      return [];
    }
    const { names, size, text } = missing;
    const label = size ? `Download ${size}` : 'Download';
    const get = button(label, () => void this.work('POST', names));
    get.id = 'la-get-preset';
    get.disabled = this.running;
    get.classList.add('jp-mod-accept');
    return [make('div', 'la-Note la-Models-standIn', make('span', '', text), get)];
  }

  private tables(listing: Listing): HTMLElement[] {
    const actions = {
      use: (role: RoleName, model: string) => void this.use(role, model),
      download: (models: string[]) => void this.work('POST', models),
      busy: this.running
    };
    const here = listing.models.filter(model => model.installed);
    const others = listing.models.filter(model => !model.installed);
    return [
      make('section', 'la-Panel-group', make('h3', '', 'Installed'), installedTable(here, actions)),
      make('section', 'la-Panel-group', make('h3', '', 'To download'), otherTable(others, actions))
    ];
  }

  /** Any other model, by its name. */
  private other(): HTMLElement {
    this.name.id = 'la-models-name';
    this.name.spellcheck = false;
    this.name.autocomplete = 'off';
    this.name.placeholder = 'qwen2.5-coder:1.5b or hf.co/USER/REPO:QUANT';
    const label = make('label', 'la-Field-title', 'Any other model');
    label.htmlFor = this.name.id;
    const about = make(
      'div',
      'la-Field-about',
      "A name of Ollama's library (ollama.com/library), or a GGUF repository of Hugging Face."
    );
    const form = make('form', 'la-Models-form', this.name);
    const get = button('Download', () => undefined);
    get.type = 'submit';
    form.append(get);
    form.addEventListener('submit', event => {
      event.preventDefault();
      const name = this.name.value.trim();
      if (name) {
        void this.work('POST', [name]);
      }
    });
    return make('section', 'la-Panel-group', label, about, form);
  }
}

function aboutServer(listing: Listing): (string | HTMLElement)[] {
  const { server, config } = listing;
  const kind = server?.kind === 'ollama' ? 'Ollama' : 'The built-in engine';
  const where = server?.local ? 'on this machine' : `at ${server?.url}`;
  const path = make('code', '', config);
  const answers = server ? `${kind} ${server.version} answers, ${where}. ` : '';
  return [`${answers}What you choose is written to `, path, ' and holds at once.'];
}

function same(one: string, other: string): boolean {
  const plain = (name: string) => name.replace(/^https?:\/\/|:latest$/g, '');
  return plain(one) === plain(other);
}
