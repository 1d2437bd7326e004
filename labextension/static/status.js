const POLL_MS = 5_000;
const POLL_BUSY_MS = 1_000;
const POLL_AWAY_MS = 60_000;
const DEFAULT_DEBOUNCE_MS = 150;
export class StatusStore {
    talk;
    value = null;
    why = null;
    latency = null;
    onModel = () => undefined;
    listeners = [];
    timer = 0;
    constructor(talk) {
        this.talk = talk;
    }
    start() {
        document.addEventListener('visibilitychange', () => void this.refresh());
        window.addEventListener('focus', () => void this.refresh());
        void this.talk.warm().then(status => this.take(status));
    }
    onChange(listener) {
        this.listeners.push(listener);
        return () => {
            this.listeners = this.listeners.filter(other => other !== listener);
        };
    }
    get paused() {
        return this.value?.enabled === false;
    }
    get failed() {
        return this.value?.state === 'error';
    }
    get debounce() {
        return this.value?.settings?.debounce_ms ?? DEFAULT_DEBOUNCE_MS;
    }
    async refresh() {
        if (document.hidden) {
            this.plan();
        }
        else {
            this.take(await this.talk.status());
        }
    }
    nothing(why) {
        this.why = why;
        this.tell();
    }
    asked(generation) {
        if (this.value && this.value.state === 'ready') {
            this.take({ ...this.value, state: 'generating' });
        }
        void generation.changed().then(() => {
            if (generation.firstText !== null) {
                this.latency = generation.firstText;
                this.why = null;
                this.tell();
            }
        });
    }
    answered(generation) {
        const { end, trigger } = generation;
        const told = end && end.reason !== 'aborted' && end.reason !== 'superseded';
        if (trigger !== 'ahead' && told && !generation.text) {
            this.why = end.message ?? 'The model had nothing to add here.';
        }
        if (end?.status) {
            this.take(end.status);
        }
        else if (this.value?.state === 'generating') {
            this.take({ ...this.value, state: 'ready' });
        }
    }
    take(status) {
        const before = this.value;
        this.value = status.models || !before?.models ? status : { ...status, models: before.models };
        if (before && (before.model !== status.model || before.enabled !== status.enabled)) {
            this.onModel();
        }
        this.plan();
        this.tell();
    }
    plan() {
        clearTimeout(this.timer);
        const busy = this.value?.state === 'loading' || this.value?.state === 'generating';
        const away = this.failed && !this.value?.server;
        const wait = away ? POLL_AWAY_MS : busy ? POLL_BUSY_MS : POLL_MS;
        this.timer = window.setTimeout(() => void this.refresh(), wait);
    }
    tell() {
        this.listeners.forEach(listener => listener());
    }
}
