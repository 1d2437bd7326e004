/**
 * The settings panel: a form over assistant.toml, through the server's handler.
 *
 * Contract: the file is the only home of these settings; each field is written when it is
 * changed, and what the server answers is shown. Loaded when it is first opened.
 */

import { make } from './item.js';
import type { Widget, WidgetClass } from './jupyterlab.js';
import { NOTE_STYLE } from './notestyle.js';
import { PANEL_STYLE } from './panelstyle.js';
import { steady } from './steady.js';
import { addStyle } from './style.js';
import { inWords, type Setting, type Settings, type Talk } from './talk.js';

const TITLES: Readonly<Record<string, string>> = {
  'completion.enabled': 'Suggest while typing',
  'completion.max_tokens': 'Longest suggestion (tokens)',
  'completion.max_latency_ms': 'Longest wait (ms)',
  'completion.debounce_ms': 'Pause before asking (ms)',
  'completion.context_cells': 'Cells read before the current one',
  'completion.fim_order': 'Order of the prompt',
  'models.preset': 'Preset',
  'models.chat': 'Chat model',
  'models.completion': 'Completion model',
  'models.embedding': 'Embedding model'
};
const GROUPS: readonly [string, string][] = [
  ['completion.', 'Ghost text'],
  ['models.', 'Models']
];

export function createPanel(widget: WidgetClass, talk: Talk, changed: () => void): Widget {
  const panel = new Panel(talk, changed);
  const made = new widget({ node: panel.node });
  made.id = 'local-assistant-settings';
  made.title.label = 'Assistant Settings';
  made.title.closable = true;
  addStyle('note', NOTE_STYLE);
  addStyle('panel', PANEL_STYLE);
  void panel.load();
  return made;
}

class Panel {
  readonly node = make('div', 'la-Panel');
  private readonly groups = make('div');
  private readonly path = make('code');
  private readonly problem = make('div', 'la-Note la-mod-error');
  private names: string[] = [];
  private settings: Settings | null = null;
  private readonly redraw = steady(this.node, () => this.drawNow());

  constructor(
    private readonly talk: Talk,
    private readonly changed: () => void
  ) {
    this.problem.hidden = true;
    const about = make('p', 'la-Panel-about', 'Written to ', this.path);
    about.append(' as you change them; your comments there are kept. They hold at once.');
    const sheet = make('div', 'la-Panel-sheet', make('h2', '', 'Assistant Settings'));
    sheet.append(about, this.problem, this.groups);
    this.node.append(sheet);
  }

  async load(): Promise<void> {
    try {
      const status = await this.talk.status(true);
      this.names = (status.models ?? []).map(({ name }) => name);
      this.draw(await this.talk.settings());
    } catch (error) {
      const { message, fix } = inWords(error);
      this.problem.hidden = false;
      this.problem.replaceChildren(message, make('div', 'la-Note-fix', fix));
    }
  }

  private draw(settings: Settings): void {
    this.settings = settings;
    this.redraw();
  }

  private drawNow(): void {
    const { settings } = this;
    if (!settings) {
      return;
    }
    this.problem.hidden = true;
    this.path.textContent = settings.path;
    this.groups.replaceChildren(
      ...GROUPS.map(([prefix, title]) => {
        const keys = Object.keys(settings.values).filter(key => key.startsWith(prefix));
        const fields = keys.map(key => this.field(key, settings.values[key]));
        return make('section', 'la-Panel-group', make('h3', '', title), ...fields);
      })
    );
  }

  private field(key: string, setting: Setting): HTMLElement {
    const id = `la-${key.replace('.', '-')}`;
    const failure = make('div', 'la-Field-failure');
    failure.setAttribute('role', 'alert');
    const save = (value: unknown) => void this.save(key, value, failure);
    const control = this.control(key, setting, save);
    control.id = id;
    const label = make('label', 'la-Field-title', TITLES[key] ?? key);
    label.htmlFor = id;
    const source = make('span', 'la-Field-source', setting.source.replace(/^.*[/\\]/, ''));
    source.title = `${key} comes from: ${setting.source}`;
    const side = make('span', 'la-Field-side', source);
    if (setting.source !== 'default') {
      const reset = make('button', 'la-Field-reset', 'Reset');
      reset.title = `Remove the line; the default is ${shown(setting.default)}`;
      reset.addEventListener('click', () => save(null));
      side.append(reset);
    }
    const about = make('div', 'la-Field-about', setting.description);
    const field = make('div', 'la-Field', make('div', 'la-Field-head', label, side), about);
    field.dataset.key = key;
    field.append(control, failure);
    return field;
  }

  private control(key: string, setting: Setting, save: (value: unknown) => void): HTMLElement {
    if (setting.kind === 'choice') {
      const list = make('select', 'jp-mod-styled la-Field-control');
      for (const choice of setting.choices ?? []) {
        list.append(new Option(choice, choice, false, choice === setting.value));
      }
      list.addEventListener('change', () => save(list.value));
      return list;
    }
    const input = make('input', 'jp-mod-styled la-Field-control');
    if (setting.kind === 'bool') {
      input.type = 'checkbox';
      input.checked = setting.value === true;
      input.addEventListener('change', () => save(input.checked));
      return input;
    }
    input.value = setting.value === null ? '' : String(setting.value);
    input.spellcheck = false;
    if (setting.kind === 'int') {
      input.type = 'number';
      input.min = String(setting.min ?? '');
      input.max = String(setting.max ?? '');
      input.addEventListener('change', () => {
        if (input.checkValidity()) {
          save(input.value === '' ? null : +input.value);
        } else {
          input.reportValidity();
        }
      });
      return input;
    }
    input.placeholder = 'by the preset';
    if (key.startsWith('models.')) {
      input.setAttribute('list', this.suggestions().id);
    }
    input.addEventListener('change', () => save(input.value.trim() || null));
    return input;
  }

  /** The installed models, offered while a name is typed. */
  private suggestions(): HTMLElement {
    const id = 'la-installed-models';
    const known = this.node.querySelector<HTMLElement>(`#${id}`);
    if (known) {
      return known;
    }
    const list = make('datalist', '', ...this.names.map(name => new Option(name, name)));
    list.id = id;
    this.node.append(list);
    return list;
  }

  private async save(key: string, value: unknown, failure: HTMLElement): Promise<void> {
    try {
      this.draw(await this.talk.set(key, value));
      this.changed();
    } catch (error) {
      const { message, fix } = inWords(error);
      failure.textContent = `${message} ${fix}`;
    }
  }
}

function shown(value: unknown): string {
  return value === null ? 'up to the preset' : String(value);
}
