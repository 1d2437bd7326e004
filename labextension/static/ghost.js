import { Memory, Tempo, firstLine, firstWord, remainder, same, whyNot } from './decide.js';
import { clearGhost, freeTab, hasGhost, insert, placeOf, surroundings } from './editor.js';
import { Generation } from './generation.js';
const NOTHING = () => ({ items: [] });
const IDLE_BEFORE_AHEAD_MS = 400;
const RETRY_AFTER_ERROR_MS = 5_000;
export class Ghost {
    talk;
    status;
    name = 'Local Assistant';
    identifier = 'local-assistant';
    schema = {
        default: { enabled: true, debouncerDelay: 0, timeout: 60_000, autoFillInMiddle: true }
    };
    afterEnter = false;
    turn = null;
    count = 0;
    current = null;
    running = null;
    ahead = null;
    aheadTimer = 0;
    retryAt = 0;
    streams = new Map();
    tempo = new Tempo();
    memory = new Memory();
    constructor(talk, status) {
        this.talk = talk;
        this.status = status;
        status.onModel = () => {
            this.memory.clear();
            this.current = null;
        };
    }
    async fetch(_request, context) {
        const trigger = context.triggerKind === 1 ? 'auto' : this.afterEnter ? 'enter' : 'invoke';
        this.streams.clear();
        clearTimeout(this.aheadTimer);
        const number = ++this.count;
        const editor = context.editor;
        const place = editor && placeOf(editor);
        if (!editor || !place || !editor.hasFocus()) {
            this.stop();
            return NOTHING();
        }
        const turn = (this.turn = { number, trigger, context, editor, place });
        if (trigger === 'auto') {
            this.tempo.key(performance.now());
        }
        if (trigger === 'invoke') {
            this.memory.forgive(place);
        }
        const source = this.reusable(turn);
        return source ? this.answer(turn, source) : this.ask(turn);
    }
    async *stream(token) {
        const entry = this.streams.get(token);
        while (entry && this.streams.has(token)) {
            const { turn, source } = entry;
            const rest = remainder(source.place, source.text, source.done, turn.place);
            if (rest === null) {
                return;
            }
            yield { response: { insertText: rest, isIncomplete: !source.done } };
            if (source.done) {
                this.afterShown(turn, source);
                return;
            }
            await source.changed();
        }
    }
    shown() {
        const { turn, current } = this;
        if (!turn || !current || !hasGhost(turn.editor)) {
            return '';
        }
        const now = placeOf(turn.editor);
        return (now && remainder(current.place, current.text, current.done, now)) || '';
    }
    accept(part) {
        const rest = this.shown();
        if (rest && this.turn) {
            insert(this.turn.editor, part === 'word' ? firstWord(rest) : firstLine(rest));
        }
    }
    dismiss() {
        const rest = this.shown();
        const { turn } = this;
        if (rest && turn) {
            this.memory.reject(turn.place, rest, performance.now());
        }
        this.cancel();
        this.current = null;
        if (rest && turn) {
            clearGhost(turn.editor);
        }
        return !!rest;
    }
    cancel() {
        const { turn } = this;
        this.stop();
        if (turn && hasGhost(turn.editor)) {
            clearGhost(turn.editor);
        }
    }
    stop() {
        this.turn = null;
        this.streams.clear();
        clearTimeout(this.aheadTimer);
        this.running?.abort();
        this.ahead?.abort();
    }
    get editor() {
        return this.turn?.editor ?? null;
    }
    get inPlace() {
        const now = this.turn && placeOf(this.turn.editor);
        return !!now && !!this.turn && same(now, this.turn.place);
    }
    reusable(turn) {
        const { place, trigger } = turn;
        const time = performance.now();
        if (trigger !== 'invoke' && this.memory.isRejected(place, time)) {
            return null;
        }
        for (const source of [this.current, this.ahead]) {
            if (!source || (source instanceof Generation && source.aborted)) {
                continue;
            }
            const rest = remainder(source.place, source.text, source.done, place);
            if (rest !== null && (rest.trim() || !source.done)) {
                if (source === this.ahead) {
                    this.ahead = null;
                    this.running = source;
                }
                return source;
            }
        }
        const kept = this.memory.find(place, time);
        if (kept && (kept.text || trigger !== 'invoke')) {
            return { ...kept, done: true, complete: true, changed: () => Promise.resolve() };
        }
        return null;
    }
    async answer(turn, source) {
        if (this.running && this.running !== source) {
            this.running.abort();
        }
        this.current = source;
        for (;;) {
            const rest = remainder(source.place, source.text, source.done, turn.place);
            if (rest?.trim()) {
                return this.show(turn, source, rest);
            }
            if (rest === null || source.done) {
                const usedUp = rest === null || (source.text && !same(source.place, turn.place));
                this.hide(turn);
                return usedUp ? this.ask(turn) : NOTHING();
            }
            this.hide(turn);
            await source.changed();
            if (turn !== this.turn) {
                return NOTHING();
            }
        }
    }
    show(turn, source, rest) {
        if (source.done) {
            this.afterShown(turn, source);
            return { items: [{ insertText: rest }] };
        }
        const token = `${this.talk.page}-${turn.number}`;
        this.streams.set(token, { turn, source });
        return { items: [{ insertText: rest, isIncomplete: true, token }] };
    }
    hide(turn) {
        freeTab(turn.editor);
        setTimeout(() => {
            if (turn === this.turn && !this.streams.size && !this.shown()) {
                freeTab(turn.editor);
            }
        });
    }
    async ask(turn) {
        const { place, trigger, editor } = turn;
        this.hide(turn);
        this.running?.abort();
        this.ahead?.abort();
        this.current = null;
        const reason = this.refusal(place, trigger);
        if (reason) {
            this.status.nothing(reason);
            return NOTHING();
        }
        await pause(this.tempo.pause(this.status.debounce, trigger));
        await Promise.all([this.running?.settled, this.ahead?.settled]);
        const composing = editor.editor.composing && trigger === 'auto';
        if (turn !== this.turn || !editor.hasFocus() || !this.inPlace || composing) {
            return NOTHING();
        }
        return this.answer(turn, this.start(turn, trigger, place));
    }
    refusal(place, trigger) {
        if (this.status.paused) {
            return 'Ghost text is paused.';
        }
        if (trigger !== 'invoke') {
            if (this.memory.isRejected(place, performance.now())) {
                return 'You just turned this suggestion down.';
            }
            if (this.status.failed && performance.now() < this.retryAt) {
                return 'The last request failed; the next one is made in a moment.';
            }
        }
        return whyNot(place, trigger);
    }
    start(turn, trigger, place) {
        const question = surroundings(turn.context, turn.editor, place);
        const generation = new Generation(place, trigger, this.talk, {
            page: this.talk.page,
            trigger,
            ...question
        });
        if (trigger === 'ahead') {
            this.ahead = generation;
        }
        else {
            this.running = generation;
            this.status.asked(generation);
        }
        void generation.settled.then(() => this.ended(generation));
        return generation;
    }
    ended(generation) {
        const { end, text, place, firstText } = generation;
        if (generation.complete) {
            this.memory.keep(place, text, performance.now());
        }
        if (end?.reason === 'error' || end?.reason === 'no_model') {
            this.retryAt = performance.now() + RETRY_AFTER_ERROR_MS;
        }
        if (firstText !== null && generation.trigger !== 'ahead') {
            this.tempo.answer(firstText);
        }
        this.status.answered(generation);
        this.running = this.running === generation ? null : this.running;
        this.ahead = this.ahead === generation ? null : this.ahead;
    }
    afterShown(turn, source) {
        const { place, editor } = turn;
        const rest = remainder(source.place, source.text, true, place);
        if (!rest || !source.complete) {
            return;
        }
        const accepted = { ...place, prefix: place.prefix + rest };
        clearTimeout(this.aheadTimer);
        this.aheadTimer = window.setTimeout(() => {
            const idle = turn === this.turn && this.inPlace && hasGhost(editor);
            const known = this.memory.find(accepted, performance.now());
            if (idle && !known && !this.running && !this.ahead && !this.status.paused) {
                this.start(turn, 'ahead', accepted);
            }
        }, IDLE_BEFORE_AHEAD_MS);
    }
}
function pause(milliseconds) {
    return milliseconds > 0
        ? new Promise(resolve => setTimeout(resolve, milliseconds))
        : Promise.resolve();
}
