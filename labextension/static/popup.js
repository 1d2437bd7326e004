import { make } from './item.js';
import { addStyle } from './style.js';
import { ModelsTalk, missingModels } from './modelstalk.js';
import { NOTE_STYLE } from './notestyle.js';
import { POPUP_STYLE } from './popupstyle.js';
import { steady } from './steady.js';
import { inWords } from './talk.js';
import { STATE_WORDS, stateOf } from './words.js';
const WIDTH = 320;
export class Popup {
    anchor;
    store;
    talk;
    opener;
    static open = null;
    node = make('div', 'la-Popup jp-StatusBar-HoverItem jp-ThemedContainer');
    ended = new AbortController();
    failure = null;
    shown = '';
    listing = null;
    asking = false;
    draw = steady(this.node, () => this.drawNow());
    static toggle(anchor, store, talk, open) {
        if (Popup.open) {
            Popup.open.close();
        }
        else {
            Popup.open = new Popup(anchor, store, talk, open);
        }
    }
    constructor(anchor, store, talk, opener) {
        this.anchor = anchor;
        this.store = store;
        this.talk = talk;
        this.opener = opener;
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
    listen() {
        const { signal } = this.ended;
        signal.addEventListener('abort', this.store.onChange(() => this.draw()));
        window.addEventListener('resize', () => this.place(), { signal });
        const outside = (event) => {
            const target = event.target;
            if (!this.node.contains(target) && !this.anchor.contains(target)) {
                this.close();
            }
        };
        document.addEventListener('mousedown', outside, { signal, capture: true });
        const keydown = (event) => {
            if (event.key === 'Escape') {
                event.preventDefault();
                event.stopImmediatePropagation();
                this.close();
                this.anchor.focus();
            }
        };
        document.addEventListener('keydown', keydown, { signal, capture: true });
    }
    place() {
        const { left, right, top, bottom } = this.anchor.getBoundingClientRect();
        const low = top > window.innerHeight / 2;
        const { style } = this.node;
        style.bottom = low ? `${window.innerHeight - top}px` : '';
        style.top = low ? '' : `${bottom}px`;
        style.right = `${Math.max(0, window.innerWidth - Math.max(right, left + WIDTH))}px`;
    }
    close() {
        Popup.open = null;
        this.ended.abort();
        this.node.remove();
        this.anchor.classList.remove('jp-mod-clicked');
    }
    drawNow() {
        const { value, why, latency } = this.store;
        const { listing, asking } = this;
        const facts = JSON.stringify([value, why, latency, this.failure, listing, asking]);
        if (facts === this.shown) {
            return;
        }
        this.shown = facts;
        const state = stateOf(value);
        this.node.dataset.state = state;
        const words = make('span', 'la-Popup-state', STATE_WORDS[state]);
        this.node.replaceChildren(make('div', 'la-Popup-head', make('span', 'la-Popup-title', 'Ghost text'), words), this.models(value), this.facts(value, latency), ...this.notes(value, why), ...this.standIn(), this.buttons(value));
    }
    models(value) {
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
    facts(value, latency) {
        const server = value?.server;
        const kind = server?.kind === 'ollama' ? 'Ollama' : 'Built-in engine';
        const where = server?.kind
            ? `${kind}, ${server.local ? 'this machine' : 'another machine'}`
            : 'Not running';
        const time = latency === null ? 'No suggestion yet' : `${Math.round(latency)} ms`;
        return make('div', '', make('div', 'la-Popup-row', make('span', '', 'Answers from'), make('span', '', where)), make('div', 'la-Popup-row', make('span', '', 'Last first word'), make('span', '', time)));
    }
    notes(value, why) {
        const notes = [];
        const error = this.failure ?? value?.error;
        if (error) {
            const fix = make('div', 'la-Note-fix', error.fix);
            notes.push(make('div', 'la-Note la-mod-error', error.message, fix));
        }
        else if (value?.hint && !this.standsIn) {
            notes.push(make('div', 'la-Note', value.hint));
        }
        if (why && !error) {
            const title = make('span', 'la-Note-title', 'Why nothing was shown: ');
            notes.push(make('div', 'la-Note la-Popup-why', title, why));
        }
        return notes;
    }
    get standsIn() {
        return this.listing !== null && missingModels(this.listing) !== null;
    }
    standIn() {
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
    async download(names) {
        if (!this.asking) {
            this.ask(true);
            return;
        }
        try {
            await new ModelsTalk(this.talk).job('POST', names);
            this.leaveFor('models');
        }
        catch (error) {
            this.asking = false;
            this.failure = inWords(error);
            this.draw();
        }
    }
    ask(asking) {
        this.asking = asking;
        this.draw();
        this.node.querySelector('.la-Popup-standIn button:last-child')?.focus();
    }
    async look() {
        try {
            this.listing = await new ModelsTalk(this.talk).list();
        }
        catch {
            this.listing = null;
        }
        if (!this.ended.signal.aborted) {
            this.draw();
        }
    }
    buttons(value) {
        const on = value?.enabled !== false;
        const pause = make('button', 'jp-mod-styled', on ? 'Pause' : 'Resume');
        pause.id = 'la-popup-pause';
        pause.addEventListener('click', () => void this.set('completion.enabled', !on));
        const panel = (label, name) => {
            const button = make('button', 'jp-mod-styled', label);
            button.addEventListener('click', () => this.leaveFor(name));
            return button;
        };
        const models = panel('Models…', 'models');
        models.classList.add('jp-mod-accept');
        return make('div', 'la-Popup-buttons', pause, panel('Settings…', 'settings'), models);
    }
    leaveFor(panel) {
        this.close();
        this.opener(panel);
    }
    async set(key, value) {
        try {
            await this.talk.set(key, value);
            this.failure = null;
        }
        catch (error) {
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
