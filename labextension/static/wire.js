import './begin.js';
import { usesVim } from './editor.js';
import { Ghost } from './ghost.js';
import { StatusItem } from './item.js';
import { StatusStore } from './status.js';
import { STYLE, addStyle } from './style.js';
import { Talk } from './talk.js';
const ACCEPT_WORD = 'local-assistant:accept-word';
const ACCEPT_LINE = 'local-assistant:accept-line';
const TOGGLE = 'local-assistant:toggle-ghost-text';
const OPEN_SETTINGS = 'local-assistant:open-settings';
const OPEN_MODELS = 'local-assistant:choose-models';
const CATEGORY = 'Local Assistant';
const NO_ARGUMENTS = { args: { type: 'object', properties: {} } };
export function plugins(shared) {
    return [
        {
            id: 'jupyter-local-assistant:ghost-text',
            description: 'Ghost text from a model on your own machine.',
            autoStart: true,
            requires: [shared.ICompletionProviderManager],
            optional: [shared.IStatusBar, shared.ICommandPalette].filter(token => token),
            activate: (app, manager, ...others) => {
                performance.mark('local-assistant:activating');
                activate(app, manager, shared, others);
                performance.measure('local-assistant:activate', 'local-assistant:activating');
            }
        },
        ...(shared.ai.IPersonaControlRegistry ? [chatLine(shared)] : [])
    ];
}
function chatLine(shared) {
    return {
        id: 'jupyter-local-assistant:chat-line',
        autoStart: true,
        requires: [shared.ai.IPersonaControlRegistry, shared.chat.IChatCommandRegistry],
        activate: (...parts) => void import('./chatline.js').then(({ join }) => join(shared, ...parts))
    };
}
function activate(app, manager, shared, others) {
    const statusBar = shared.IStatusBar ? others.shift() : null;
    const palette = shared.ICommandPalette ? others.shift() : null;
    const talk = new Talk(app.serviceManager.serverSettings);
    const store = new StatusStore(talk);
    const ghost = new Ghost(talk, store);
    manager.registerInlineProvider(ghost);
    addStyle('item', STYLE);
    addCommands(app, manager, ghost, store, talk, shared);
    for (const command of [ACCEPT_WORD, ACCEPT_LINE, TOGGLE, OPEN_SETTINGS, OPEN_MODELS]) {
        palette?.addItem({ command, category: CATEGORY });
    }
    const item = new StatusItem(shared, store, talk, panel => {
        void app.commands.execute(panel === 'models' ? OPEN_MODELS : OPEN_SETTINGS);
    });
    if (statusBar) {
        statusBar.registerStatusItem('local-assistant:status', {
            item: item.widget,
            align: 'right',
            rank: 50
        });
    }
    else {
        app.shell.add(item.widget, 'menu', { rank: 1000 });
    }
    listen(app, manager, ghost);
    void app.restored.then(() => store.start());
}
function addCommands(app, manager, ghost, store, talk, shared) {
    const isEnabled = () => !!app.shell.currentWidget &&
        !!manager.inline?.isActive(app.shell.currentWidget.id) &&
        !!ghost.shown();
    app.commands.addCommand(ACCEPT_WORD, {
        label: 'Accept the Next Word of the Ghost Text',
        execute: () => ghost.accept('word'),
        isEnabled,
        describedBy: NO_ARGUMENTS
    });
    app.commands.addCommand(ACCEPT_LINE, {
        label: 'Accept the Next Line of the Ghost Text',
        execute: () => ghost.accept('line'),
        isEnabled,
        describedBy: NO_ARGUMENTS
    });
    app.commands.addCommand(TOGGLE, {
        label: 'Ghost Text While Typing',
        isToggled: () => !store.paused,
        execute: async () => {
            await talk.set('completion.enabled', store.paused);
            await store.refresh();
        },
        describedBy: NO_ARGUMENTS
    });
    store.onChange(() => app.commands.notifyCommandChanged(TOGGLE));
    const open = async (panel) => (await import('./panels.js')).open(panel, { app, shared, talk, store });
    app.commands.addCommand(OPEN_SETTINGS, {
        label: 'Assistant Settings',
        execute: () => open('settings'),
        describedBy: NO_ARGUMENTS
    });
    app.commands.addCommand(OPEN_MODELS, {
        label: 'Choose Models',
        execute: () => open('models'),
        describedBy: NO_ARGUMENTS
    });
}
function listen(app, manager, ghost) {
    const keydown = (event) => {
        if (event.isComposing) {
            return;
        }
        const editor = ghost.editor;
        const inside = !!editor && editor.host.contains(event.target);
        if (inside && event.key === 'Escape' && ghost.dismiss()) {
            if (!usesVim(editor)) {
                event.preventDefault();
                event.stopImmediatePropagation();
            }
        }
        else if (inside && partKey(app, event)) {
            event.preventDefault();
            event.stopImmediatePropagation();
        }
        else if (event.key === 'Enter') {
            if (event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) {
                ghost.cancel();
            }
            else {
                setTimeout(() => afterEnter(app, manager, ghost));
            }
        }
    };
    document.addEventListener('keydown', keydown, true);
    document.addEventListener('compositionend', () => {
        setTimeout(() => afterEnter(app, manager, ghost));
    });
    document.addEventListener('focusout', event => {
        const to = event.relatedTarget;
        if (ghost.editor?.host.contains(event.target) && !to?.closest('.jp-InlineCompleter')) {
            ghost.cancel();
        }
    });
    document.addEventListener('selectionchange', () => {
        if (ghost.editor && !ghost.inPlace) {
            ghost.cancel();
        }
    });
}
function partKey(app, event) {
    const registry = app.commands.constructor;
    const binding = app.commands.keyBindings.find(({ command, keys, selector }) => (command === ACCEPT_WORD || command === ACCEPT_LINE) &&
        keys.length === 1 &&
        keys[0] === registry.keystrokeForKeydownEvent(event) &&
        !!event.target.closest(selector));
    if (!binding || !app.commands.isEnabled(binding.command)) {
        return false;
    }
    void app.commands.execute(binding.command);
    return true;
}
function afterEnter(app, manager, ghost) {
    const widget = app.shell.currentWidget;
    if (!widget || !document.activeElement?.closest('.cm-editor')) {
        return;
    }
    ghost.afterEnter = true;
    try {
        manager.inline?.invoke(widget.id);
    }
    finally {
        ghost.afterEnter = false;
    }
}
performance.measure('local-assistant:evaluate', 'local-assistant:begin');
