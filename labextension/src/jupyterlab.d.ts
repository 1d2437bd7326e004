/**
 * The part of JupyterLab's API (4.2 and newer, Notebook 7) that we use, in our own words.
 *
 * Contract: types only, nothing of it reaches the browser. What is
 * optional here may be missing at run time and is asked for before use.
 */

export interface EditorState {
  readonly doc: {
    readonly length: number;
    readonly lines: number;
    line(number: number): { readonly from: number; readonly to: number };
    lineAt(at: number): { readonly number: number };
  };
  readonly selection: {
    readonly main: {
      readonly head: number;
      readonly empty: boolean;
      readonly from: number;
      readonly to: number;
    };
    readonly ranges: readonly unknown[];
  };
  readonly readOnly: boolean;
  sliceDoc(from: number, to: number): string;
}

export interface CodeMirrorView {
  readonly state: EditorState;
  /** Whether an input method is in the middle of a word. */
  readonly composing?: boolean;
  /** What the Vim key map hangs on the view. */
  readonly cm?: { readonly state?: { readonly vim?: { readonly insertMode?: boolean } | null } };
  dispatch(transaction: object): void;
}

export interface Editor {
  readonly host: HTMLElement;
  readonly editor: CodeMirrorView;
  readonly model: { readonly mimeType: string };
  hasFocus(): boolean;
}

export interface Signal {
  connect(slot: () => void, context?: object): unknown;
  disconnect(slot: () => void, context?: object): unknown;
  emit?(change: object): void;
}

/** One output of a cell. */
export interface Output {
  readonly type: string;
  toJSON(): {
    output_type: string;
    text?: string | string[];
    data?: Readonly<Record<string, unknown>>;
    traceback?: string[];
  };
}

export interface Cell {
  readonly editor: Editor | null;
  readonly model: {
    readonly id: string;
    readonly type: string;
    readonly executionCount?: number | null;
    readonly outputs?: { readonly length: number; get(index: number): Output };
    readonly sharedModel: { getSource(): string };
  };
}

/** A notebook panel, a console panel or a document with a file editor: told apart by shape. */
export interface DocumentWidget {
  readonly id: string;
  readonly node: HTMLElement;
  readonly isDisposed?: boolean;
  readonly context?: {
    readonly path: string;
    readonly model?: { readonly contentChanged?: Signal; readonly defaultKernelLanguage?: string };
  };
  readonly content?: {
    readonly widgets?: readonly Cell[];
    readonly activeCell?: unknown;
    readonly activeCellIndex?: number;
    readonly activeCellChanged?: Signal;
    readonly editor?: Editor;
  };
  readonly console?: {
    readonly cells?: Iterable<Cell>;
    readonly sessionContext?: { readonly path?: string };
  };
}

export interface CompletionContext {
  readonly widget: DocumentWidget;
  readonly editor?: Editor | null;
  readonly triggerKind: 0 | 1;
}

export interface InlineItem {
  insertText: string;
  isIncomplete?: boolean;
  token?: string;
}

export interface InlineProvider {
  readonly name: string;
  readonly identifier: string;
  readonly icon?: unknown;
  readonly schema: object;
  fetch(request: unknown, context: CompletionContext): Promise<{ items: InlineItem[] }>;
  stream(token: string): AsyncGenerator<{ response: InlineItem }>;
}

export interface CompletionManager {
  registerInlineProvider(provider: InlineProvider): void;
  readonly inline?: { invoke(id: string): void; isActive(id: string): boolean };
}

export interface Widget {
  id: string;
  readonly node: HTMLElement;
  readonly title: { label: string; closable: boolean; caption: string };
  readonly isAttached: boolean;
  readonly isDisposed: boolean;
  addClass(name: string): void;
  dispose(): void;
}

export type WidgetClass = new (options: { node: HTMLElement }) => Widget;

export interface StatusBar {
  registerStatusItem(
    id: string,
    item: { item: Widget; align?: 'left' | 'middle' | 'right'; rank?: number }
  ): unknown;
}

export interface KeyBinding {
  readonly command: string;
  readonly keys: readonly string[];
  readonly selector: string;
}

export interface Commands {
  readonly keyBindings: readonly KeyBinding[];
  addCommand(
    id: string,
    options: {
      label: string;
      caption?: string;
      execute: () => unknown;
      isEnabled?: () => boolean;
      isToggled?: () => boolean;
      describedBy?: object;
    }
  ): unknown;
  execute(id: string): Promise<unknown>;
  isEnabled(id: string): boolean;
  notifyCommandChanged(id: string): void;
}

export interface App {
  readonly name: string;
  readonly restored: Promise<unknown>;
  readonly commands: Commands;
  readonly serviceManager: {
    readonly serverSettings: { readonly baseUrl: string; readonly token: string };
  };
  readonly shell: {
    readonly currentWidget: DocumentWidget | null;
    readonly currentChanged?: Signal;
    add(widget: Widget, area: string, options?: object): void;
    activateById(id: string): void;
    expandRight?(): void;
  };
}

export interface Palette {
  addItem(item: { command: string; category: string }): unknown;
}

/** What a message is written in. */
export interface InputModel {
  readonly value: string;
  readonly valueChanged: Signal;
  updateMetadata(patch: object): void;
}

/** What Jupyter AI gives to what stands at a chat's input. */
export interface ChatInput {
  readonly model: InputModel;
  readonly chatModel?: {
    readonly name: string;
    readonly input: InputModel;
    readonly messagesUpdated: Signal;
  };
}

export interface ChatCommandRegistry {
  addProvider(provider: {
    id: string;
    listCommandCompletions(model: InputModel): Promise<object[]>;
    onSubmit(model: InputModel): Promise<void>;
  }): void;
}

export interface PersonaControlRegistry {
  addControl(control: {
    id: string;
    personaId?: string;
    component: (input: ChatInput) => unknown;
  }): void;
}

/** What Jupyter AI hands to our plugin of the chat. */
export type ChatParts = [App, PersonaControlRegistry, ChatCommandRegistry];

/** What the container takes out of JupyterLab's shared modules. */
export interface Shared {
  readonly ICompletionProviderManager: unknown;
  readonly IStatusBar: unknown;
  readonly ICommandPalette: unknown;
  readonly Widget: WidgetClass;
  readonly react: { readonly createElement?: (type: string, properties: object) => unknown };
  /** Both are empty where Jupyter AI is not installed. */
  readonly chat: { readonly IChatCommandRegistry?: unknown };
  readonly ai: { readonly IPersonaControlRegistry?: unknown };
}
