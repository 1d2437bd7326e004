"use strict";
(() => {
    const here = document.currentScript.src;
    let scope = {};
    const before = (one, other) => {
        const [left, right] = [one, other].map(name => (name.includes('-') ? name : `${name}-zz`));
        return left.localeCompare(right, 'en', { numeric: true }) < 0;
    };
    const shared = async (name) => {
        const versions = scope[name] ?? {};
        const taken = Object.keys(versions).reduce((best, next) => (best && (versions[best].loaded || !before(best, next)) ? best : next), '');
        return taken ? (await Object.assign(versions[taken], { loaded: 1 }).get())() : {};
    };
    const page = window;
    page._JUPYTERLAB ??= {};
    page._JUPYTERLAB['jupyter-local-assistant'] = {
        init(sharedScope) {
            scope = sharedScope;
        },
        async get() {
            const names = [
                '@jupyterlab/completer', '@jupyterlab/statusbar', '@jupyterlab/apputils',
                '@lumino/widgets', 'react', '@jupyter/chat', '@jupyter-ai/persona-manager'
            ];
            const [{ plugins }, completer, statusbar, apputils, widgets, react, chat, ai] = await Promise.all([import(new URL('wire.js', here).href), ...names.map(shared)]);
            const found = plugins({
                ICompletionProviderManager: completer.ICompletionProviderManager,
                IStatusBar: statusbar.IStatusBar,
                ICommandPalette: apputils.ICommandPalette,
                Widget: widgets.Widget,
                react,
                chat,
                ai
            });
            return () => ({ __esModule: true, default: found });
        }
    };
})();
