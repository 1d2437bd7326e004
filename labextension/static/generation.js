export class Generation {
    place;
    trigger;
    text = '';
    end = null;
    firstText = null;
    settled;
    controller = new AbortController();
    wake = [];
    constructor(place, trigger, talk, question) {
        this.place = place;
        this.trigger = trigger;
        this.settled = this.run(talk, question);
    }
    get done() {
        return this.end !== null;
    }
    get complete() {
        const reason = this.end?.reason ?? '';
        return KEEPABLE.has(reason) || (reason === 'time' && !!this.text);
    }
    get aborted() {
        return this.controller.signal.aborted;
    }
    abort() {
        this.controller.abort();
    }
    changed() {
        return this.done ? Promise.resolve() : new Promise(resolve => this.wake.push(resolve));
    }
    async run(talk, question) {
        const started = performance.now();
        for await (const line of talk.complete(question, this.controller.signal)) {
            if (line.type === 'end') {
                this.end = line;
                break;
            }
            this.firstText ??= performance.now() - started;
            this.text += line.text;
            this.notify();
        }
        this.end ??= { type: 'end', reason: 'error', shown: false, message: CUT_SHORT };
        this.notify();
    }
    notify() {
        const waiting = this.wake;
        this.wake = [];
        waiting.forEach(resolve => resolve());
    }
}
const CUT_SHORT = 'The answer was cut short: the Jupyter server closed the connection.';
const KEEPABLE = new Set(['stop', 'line', 'block', 'suffix', 'repeat', 'limit', 'empty']);
