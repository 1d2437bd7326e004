/**
 * The line below the chat's input: what of the open notebook or file goes along, and its switch.
 *
 * Contract: the page tells the server what its user looks at while the question is being written,
 * so that a message waits for nothing; the server decides what goes along, and says it. A message
 * carries this page's name, nothing else of it. Where the server has no answer there is no line,
 * and the chat works as without.
 */

import { CONTEXT_STYLE } from './contextstyle.js';
import { localPath } from './editor.js';
import { make } from './item.js';
import type { App, ChatCommandRegistry, ChatInput, InputModel } from './jupyterlab.js';
import { Watch } from './seen.js';
import { addStyle } from './style.js';
import { Talk } from './talk.js';

/** What the server says of this chat. */
interface Said {
  on: boolean | null;
  text: string;
  tokens: number;
  fixed: boolean;
}

const PAUSE_MS = 400;
const FRESH_MS = 10_000;
const OLD_MS = 60_000;
const AGAIN_MS = 5_000;
const SWITCH = 'Send the cell or the lines you are in along';

const lines = new Map<InputModel, Line>();
let watch: Watch | null = null;
let talk: Talk | null = null;
let told = 0;
let count = 0;

/** Show the line at one chat's input; `node` is our place in its toolbar, null when that goes. */
export function show(
  app: App,
  commands: ChatCommandRegistry,
  input: ChatInput,
  node: HTMLElement | null
): void {
  if (!node) {
    setTimeout(sweep); // React gives the place anew with each drawing
    return;
  }
  if (input.chatModel && input.model !== input.chatModel.input) {
    return; // a message that was sent is being edited
  }
  if (!watch) {
    watch = new Watch(app);
    watch.changed = () => lines.forEach(line => line.plan());
    addStyle('context', CONTEXT_STYLE);
    sayAgain(app);
    commands.addProvider({
      id: 'local-assistant:context',
      listCommandCompletions: async () => [],
      onSubmit: async model => lines.get(model)?.submit()
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

/**
 * Say once more what is in front. Notebook 7 says it before it shows it, and never again, so that
 * the chat's buttons for code (insert, replace) would see no notebook there.
 */
function sayAgain({ name, shell }: App): void {
  if (name === 'Jupyter Notebook') {
    const current = shell.currentWidget;
    shell.currentChanged?.emit?.({ oldValue: current, newValue: current });
  }
}

/** Take the lines away whose chat is closed, or whose messages are for somebody else. */
function sweep(): void {
  for (const [model, line] of lines) {
    if (!line.inPlace) {
      line.close();
      lines.delete(model);
    }
  }
}

class Line {
  private readonly node = make('div', 'la-Context');
  private readonly box = make('input');
  private readonly text = make('span');
  private readonly tokens = make('span', 'la-Context-tokens');
  private anchor: HTMLElement | null = null;
  private said: Said | null = null;
  private sent = '';
  private sentAt = 0;
  private failedAt = 0;
  private timer = 0;
  private going: AbortController | null = null;

  constructor(
    private readonly talk: Talk,
    private readonly watch: Watch,
    private readonly input: ChatInput
  ) {
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

  get inPlace(): boolean {
    return !!this.anchor?.isConnected && this.node.isConnected;
  }

  place(anchor: HTMLElement): void {
    const box = anchor.closest<HTMLElement>('.jp-chat-input-container');
    this.anchor = anchor;
    if (box && this.node.parentElement !== box) {
      box.append(this.node);
      box.addEventListener('focusin', event => {
        if (!this.node.contains(event.target as Node)) {
          this.plan(0, true);
        }
      });
      this.plan(0, true);
    }
  }

  close(): void {
    clearTimeout(this.timer);
    this.node.remove();
    this.input.model.valueChanged.disconnect(this.onTyping, this);
    this.input.chatModel?.messagesUpdated.disconnect(this.onMessages, this);
  }

  /** Tell the server soon; `again` also what it knows, since it may have been started anew. */
  plan(pause = PAUSE_MS, again = false): void {
    if (again) {
      this.sentAt = 0;
    }
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.tell(), pause);
  }

  /**
   * Sign a message that is about to be sent. It waits for nothing here: its number says how much
   * the server must have heard of this page, which it waits for a moment.
   */
  submit(): void {
    if (this.body() !== this.sent || Date.now() - this.sentAt > OLD_MS) {
      void this.tell(undefined, true);
    }
    const on = this.said?.on ?? null;
    const signed = { page: this.talk.page, number: this.failedAt ? 0 : told };
    const local_assistant = on === null ? signed : { ...signed, context: on };
    this.input.model.updateMetadata({ local_assistant });
  }

  private onTyping(): void {
    this.node.classList.toggle('la-mod-away', this.input.model.value.startsWith('/'));
    if (Date.now() - this.sentAt > FRESH_MS) {
      this.plan(0, true);
    }
  }

  private onMessages(): void {
    this.plan(PAUSE_MS, true);
  }

  private body(): string {
    const chat = localPath(this.input.chatModel?.name ?? '');
    return JSON.stringify({ chat, seen: this.watch.seen() });
  }

  private async tell(on?: boolean, now = false): Promise<void> {
    clearTimeout(this.timer);
    const body = this.body();
    const known = body === this.sent && Date.now() - this.sentAt < FRESH_MS;
    const hidden = !this.node.parentElement?.offsetParent;
    if (on === undefined && (known || hidden)) {
      return;
    }
    const wait = this.failedAt + AGAIN_MS - Date.now();
    if (on === undefined && !now && wait > 0) {
      this.timer = window.setTimeout(() => void this.tell(), wait); // it failed a moment ago
      return;
    }
    this.going?.abort();
    const going = (this.going = new AbortController());
    this.sentAt = Date.now();
    try {
      const whole = { page: this.talk.page, number: ++told, on, ...(JSON.parse(body) as object) };
      const reply = await this.talk.send('PUT', 'chat/context', whole, going.signal);
      this.sent = body;
      this.failedAt = 0;
      this.draw((await reply.json()) as Said);
    } catch {
      if (!going.signal.aborted) {
        this.failedAt = Date.now();
        this.sent = '';
        this.node.hidden = true;
      }
    }
  }

  private draw(said: Said): void {
    this.said = said;
    this.node.hidden = !said.text;
    this.box.hidden = said.fixed;
    this.box.checked = said.on === true;
    this.text.textContent = said.text;
    this.tokens.textContent = said.tokens ? ` · ~${said.tokens.toLocaleString('en')} tokens` : '';
  }
}
