import { Download, button } from './download.js';
import { make } from './item.js';
import { MODELS_STYLE } from './modelsstyle.js';
import { ModelsTalk, ROLES, bytes, missingModels } from './modelstalk.js';
import { installedTable, otherTable } from './modeltable.js';
import { NOTE_STYLE } from './notestyle.js';
import { PANEL_STYLE } from './panelstyle.js';
import { steady } from './steady.js';
import { addStyle } from './style.js';
import { inWords } from './talk.js';
const LOOK_MS = 5_000;
const LOOK_AT_JOB_MS = 500;
const TITLES = {
    chat: 'Chat and %%ai',
    completion: 'Completion (ghost text)',
    embedding: 'Embedding'
};
export function createModels(widget, talk, store) {
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
    ghost;
    store;
    node = make('div', 'la-Panel la-Models');
    talk;
    about = make('p', 'la-Panel-about');
    problem = make('div', 'la-Note la-mod-error');
    notice = make('div', 'la-Note');
    roles = make('section', 'la-Panel-group');
    lists = make('div');
    name = make('input', 'jp-mod-styled la-Field-control');
    download;
    listing = null;
    job = null;
    shown = '';
    timer = 0;
    closed = () => false;
    drawLists = steady(this.node, () => this.drawListsNow());
    constructor(ghost, store) {
        this.ghost = ghost;
        this.store = store;
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
    run(closed) {
        this.closed = closed;
        void this.look();
    }
    async look() {
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
    get running() {
        return this.job !== null && !this.job.done;
    }
    async refresh() {
        try {
            if (this.running) {
                this.take(await this.talk.job('GET'));
                if (this.running) {
                    return;
                }
                void this.store.refresh();
            }
            this.draw(await this.talk.list());
            this.fail(null);
        }
        catch (error) {
            this.fail(inWords(error));
        }
    }
    take(job) {
        this.job = job;
        this.download.draw(job);
        this.drawLists();
    }
    async work(method, models = [], force = false) {
        const { talk } = this;
        try {
            const job = method === 'POST' ? talk.job('POST', models, force) : talk.job('DELETE');
            this.take(await job);
            this.fail(null);
        }
        catch (error) {
            this.fail(inWords(error));
        }
        void this.look();
    }
    async use(role, model) {
        try {
            const listing = await this.talk.use(role, model);
            const notices = listing.notices ?? [];
            delete listing.notices;
            this.notice.hidden = !notices.length;
            this.notice.textContent = notices.join(' ');
            this.draw(listing);
            this.fail(null);
        }
        catch (error) {
            this.fail(inWords(error));
            this.shown = '';
            this.drawLists();
        }
        await this.store.refresh();
        if (role === 'completion' || role === 'preset') {
            this.store.take(await this.ghost.warm());
        }
    }
    fail(failure) {
        const said = failure ?? this.listing?.problem ?? null;
        this.problem.hidden = !said;
        const text = said ? `${said.message}\n${said.fix ?? ''}` : '';
        if (this.problem.dataset.said !== text) {
            this.problem.dataset.said = text;
            this.problem.replaceChildren(said?.message ?? '', make('div', 'la-Note-fix', said?.fix ?? ''));
        }
    }
    draw(listing) {
        this.listing = listing;
        this.take(listing.job);
    }
    drawListsNow() {
        const { listing } = this;
        const facts = JSON.stringify({ ...listing, job: this.running });
        if (!listing || facts === this.shown) {
            return;
        }
        this.shown = facts;
        this.about.replaceChildren(...aboutServer(listing));
        this.roles.replaceChildren(...this.inUse(listing));
        this.lists.replaceChildren(...this.tables(listing));
    }
    inUse(listing) {
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
            }
            else {
                side.append(make('span', 'la-Field-source', 'by the preset'));
            }
            const answer = make('span', 'la-Models-answer', model ?? `${named ?? 'nothing'} (not there)`);
            const row = make('div', 'la-Models-role', make('span', '', TITLES[role]), answer, side);
            row.dataset.role = role;
            return row;
        });
        return [make('h3', '', 'In use'), ...rows, this.preset(listing), ...this.standIn(listing)];
    }
    preset(listing) {
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
    standIn(listing) {
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
    tables(listing) {
        const actions = {
            use: (role, model) => void this.use(role, model),
            download: (models) => void this.work('POST', models),
            busy: this.running
        };
        const here = listing.models.filter(model => model.installed);
        const others = listing.models.filter(model => !model.installed);
        return [
            make('section', 'la-Panel-group', make('h3', '', 'Installed'), installedTable(here, actions)),
            make('section', 'la-Panel-group', make('h3', '', 'To download'), otherTable(others, actions))
        ];
    }
    other() {
        this.name.id = 'la-models-name';
        this.name.spellcheck = false;
        this.name.autocomplete = 'off';
        this.name.placeholder = 'qwen2.5-coder:1.5b or hf.co/USER/REPO:QUANT';
        const label = make('label', 'la-Field-title', 'Any other model');
        label.htmlFor = this.name.id;
        const about = make('div', 'la-Field-about', "A name of Ollama's library (ollama.com/library), or a GGUF repository of Hugging Face.");
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
function aboutServer(listing) {
    const { server, config } = listing;
    const kind = server?.kind === 'ollama' ? 'Ollama' : 'The built-in engine';
    const where = server?.local ? 'on this machine' : `at ${server?.url}`;
    const path = make('code', '', config);
    const answers = server ? `${kind} ${server.version} answers, ${where}. ` : '';
    return [`${answers}What you choose is written to `, path, ' and holds at once.'];
}
function same(one, other) {
    const plain = (name) => name.replace(/^https?:\/\/|:latest$/g, '');
    return plain(one) === plain(other);
}
