import { CONTEXT_STYLE } from './contextstyle.js';
import { localPath } from './editor.js';
import { make } from './item.js';
import { Watch } from './seen.js';
import { addStyle } from './style.js';
import { Talk } from './talk.js';
const PAUSE_MS = 400;
const FRESH_MS = 10_000;
const OLD_MS = 60_000;
const AGAIN_MS = 5_000;
const SWITCH = 'Send the cell or the lines you are in along';
const lines = new Map();
let watch = null;
let talk = null;
let told = 0;
let count = 0;
export function show(app, commands, input, node) {
    if (!node) {
        setTimeout(sweep);
        return;
    }
    if (input.chatModel && input.model !== input.chatModel.input) {
        return;
    }
    if (!watch) {
        watch = new Watch(app);
        watch.changed = () => lines.forEach(line => line.plan());
        addStyle('context', CONTEXT_STYLE);
        sayAgain(app);
        commands.addProvider({
            id: 'local-assistant:context',
            listCommandCompletions: async () => [],
            onSubmit: async (model) => lines.get(model)?.submit()
        });
    }
    let line = lines.get(input.model);
    if (!line) {
        talk ??= new Talk(app.serviceManager.serverSettings);
        line = new Line(talk, watch, input);
        lines.set(input.model, line);
    }
    line.place(node);
}
function sayAgain({ name, shell }) {
    if (name === 'Jupyter Notebook') {
        const current = shell.currentWidget;
        shell.currentChanged?.emit?.({ oldValue: current, newValue: current });
    }
}
function sweep() {
    for (const [model, line] of lines) {
        if (!line.inPlace) {
            line.close();
            lines.delete(model);
        }
    }
}
class Line {
    talk;
    watch;
    input;
    node = make('div', 'la-Context');
    box = make('input');
    text = make('span');
    tokens = make('span', 'la-Context-tokens');
    anchor = null;
    said = null;
    sent = '';
    sentAt = 0;
    failedAt = 0;
    timer = 0;
    going = null;
    constructor(talk, watch, input) {
        this.talk = talk;
        this.watch = watch;
        this.input = input;
        const id = `la-context-${++count}`;
        const label = make('label', '', this.text, this.tokens);
        this.box.type = 'checkbox';
        this.box.id = label.htmlFor = id;
        this.box.setAttribute('role', 'switch');
        this.box.setAttribute('aria-label', SWITCH);
        label.id = `${id}-text`;
        this.box.setAttribute('aria-describedby', label.id);
        this.box.addEventListener('change', () => void this.tell(this.box.checked));
        this.node.hidden = true;
        this.node.append(this.box, label);
        input.model.valueChanged.connect(this.onTyping, this);
        input.chatModel?.messagesUpdated.connect(this.onMessages, this);
    }
    get inPlace() {
        return !!this.anchor?.isConnected && this.node.isConnected;
    }
    place(anchor) {
        const box = anchor.closest('.jp-chat-input-container');
        this.anchor = anchor;
        if (box && this.node.parentElement !== box) {
            box.append(this.node);
            box.addEventListener('focusin', event => {
                if (!this.node.contains(event.target)) {
                    this.plan(0, true);
                }
            });
            this.plan(0, true);
        }
    }
    close() {
        clearTimeout(this.timer);
        this.node.remove();
        this.input.model.valueChanged.disconnect(this.onTyping, this);
        this.input.chatModel?.messagesUpdated.disconnect(this.onMessages, this);
    }
    plan(pause = PAUSE_MS, again = false) {
        if (again) {
            this.sentAt = 0;
        }
        clearTimeout(this.timer);
        this.timer = window.setTimeout(() => void this.tell(), pause);
    }
    submit() {
        if (this.body() !== this.sent || Date.now() - this.sentAt > OLD_MS) {
            void this.tell(undefined, true);
        }
        const on = this.said?.on ?? null;
        const signed = { page: this.talk.page, number: this.failedAt ? 0 : told };
        const local_assistant = on === null ? signed : { ...signed, context: on };
        this.input.model.updateMetadata({ local_assistant });
    }
    onTyping() {
        this.node.classList.toggle('la-mod-away', this.input.model.value.startsWith('/'));
        if (Date.now() - this.sentAt > FRESH_MS) {
            this.plan(0, true);
        }
    }
    onMessages() {
        this.plan(PAUSE_MS, true);
    }
    body() {
        const chat = localPath(this.input.chatModel?.name ?? '');
        return JSON.stringify({ chat, seen: this.watch.seen() });
    }
    async tell(on, now = false) {
        clearTimeout(this.timer);
        const body = this.body();
        const known = body === this.sent && Date.now() - this.sentAt < FRESH_MS;
        const hidden = !this.node.parentElement?.offsetParent;
        if (on === undefined && (known || hidden)) {
            return;
        }
        const wait = this.failedAt + AGAIN_MS - Date.now();
        if (on === undefined && !now && wait > 0) {
            this.timer = window.setTimeout(() => void this.tell(), wait);
            return;
        }
        this.going?.abort();
        const going = (this.going = new AbortController());
        this.sentAt = Date.now();
        try {
            const whole = { page: this.talk.page, number: ++told, on, ...JSON.parse(body) };
            const reply = await this.talk.send('PUT', 'chat/context', whole, going.signal);
            this.sent = body;
            this.failedAt = 0;
            this.draw((await reply.json()));
        }
        catch {
            if (!going.signal.aborted) {
                this.failedAt = Date.now();
                this.sent = '';
                this.node.hidden = true;
            }
        }
    }
    draw(said) {
        this.said = said;
        this.node.hidden = !said.text;
        this.box.hidden = said.fixed;
        this.box.checked = said.on === true;
        this.text.textContent = said.text;
        this.tokens.textContent = said.tokens ? ` · ~${said.tokens.toLocaleString('en')} tokens` : '';
    }
}
