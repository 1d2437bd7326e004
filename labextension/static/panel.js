import { make } from './item.js';
import { NOTE_STYLE } from './notestyle.js';
import { PANEL_STYLE } from './panelstyle.js';
import { steady } from './steady.js';
import { addStyle } from './style.js';
import { inWords } from './talk.js';
const TITLES = {
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
const GROUPS = [
    ['completion.', 'Ghost text'],
    ['models.', 'Models']
];
export function createPanel(widget, talk, changed) {
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
    talk;
    changed;
    node = make('div', 'la-Panel');
    groups = make('div');
    path = make('code');
    problem = make('div', 'la-Note la-mod-error');
    names = [];
    settings = null;
    redraw = steady(this.node, () => this.drawNow());
    constructor(talk, changed) {
        this.talk = talk;
        this.changed = changed;
        this.problem.hidden = true;
        const about = make('p', 'la-Panel-about', 'Written to ', this.path);
        about.append(' as you change them; your comments there are kept. They hold at once.');
        const sheet = make('div', 'la-Panel-sheet', make('h2', '', 'Assistant Settings'));
        sheet.append(about, this.problem, this.groups);
        this.node.append(sheet);
    }
    async load() {
        try {
            const status = await this.talk.status(true);
            this.names = (status.models ?? []).map(({ name }) => name);
            this.draw(await this.talk.settings());
        }
        catch (error) {
            const { message, fix } = inWords(error);
            this.problem.hidden = false;
            this.problem.replaceChildren(message, make('div', 'la-Note-fix', fix));
        }
    }
    draw(settings) {
        this.settings = settings;
        this.redraw();
    }
    drawNow() {
        const { settings } = this;
        if (!settings) {
            return;
        }
        this.problem.hidden = true;
        this.path.textContent = settings.path;
        this.groups.replaceChildren(...GROUPS.map(([prefix, title]) => {
            const keys = Object.keys(settings.values).filter(key => key.startsWith(prefix));
            const fields = keys.map(key => this.field(key, settings.values[key]));
            return make('section', 'la-Panel-group', make('h3', '', title), ...fields);
        }));
    }
    field(key, setting) {
        const id = `la-${key.replace('.', '-')}`;
        const failure = make('div', 'la-Field-failure');
        failure.setAttribute('role', 'alert');
        const save = (value) => void this.save(key, value, failure);
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
    control(key, setting, save) {
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
                }
                else {
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
    suggestions() {
        const id = 'la-installed-models';
        const known = this.node.querySelector(`#${id}`);
        if (known) {
            return known;
        }
        const list = make('datalist', '', ...this.names.map(name => new Option(name, name)));
        list.id = id;
        this.node.append(list);
        return list;
    }
    async save(key, value, failure) {
        try {
            this.draw(await this.talk.set(key, value));
            this.changed();
        }
        catch (error) {
            const { message, fix } = inWords(error);
            failure.textContent = `${message} ${fix}`;
        }
    }
}
function shown(value) {
    return value === null ? 'up to the preset' : String(value);
}
