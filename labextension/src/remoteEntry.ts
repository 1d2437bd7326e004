/**
 * The container that JupyterLab's loader asks for, written by hand: no bundler is needed.
 *
 * Contract (module federation, as JupyterLab's loader uses it): `init` gets the scope of shared
 * modules; `get` resolves to a factory of our module. Everything else is a plain ES module; this
 * file is loaded as a script, so it neither imports nor exports.
 */

interface Version {
  loaded?: number | boolean;
  get(): Promise<() => object>;
}

(() => {
  const here = (document.currentScript as HTMLScriptElement).src;
  let scope: Record<string, Record<string, Version>> = {};

  /** Return whether a version comes before another: 1.0.0-alpha.2, 1.0.0-alpha.10, 1.0.0. */
  const before = (one: string, other: string): boolean => {
    const [left, right] = [one, other].map(name => (name.includes('-') ? name : `${name}-zz`));
    return left.localeCompare(right, 'en', { numeric: true }) < 0;
  };

  /**
   * Return a module that is shared, or an empty one where there is none of that name.
   *
   * Of several versions the one that all others take (webpack's rule for a singleton): for the
   * tokens of another one JupyterLab has no provider. Which of them comes first is a matter of
   * luck, since the containers are loaded side by side.
   */
  const shared = async (name: string): Promise<any> => {
    const versions = scope[name] ?? {};
    const taken = Object.keys(versions).reduce(
      (best, next) => (best && (versions[best].loaded || !before(best, next)) ? best : next),
      ''
    );
    return taken ? (await Object.assign(versions[taken], { loaded: 1 }).get())() : {};
  };

  const page = window as { _JUPYTERLAB?: Record<string, object> };
  page._JUPYTERLAB ??= {};
  page._JUPYTERLAB['jupyter-local-assistant'] = {
    init(sharedScope: typeof scope) {
      scope = sharedScope;
    },
    async get() {
      const names = [
        '@jupyterlab/completer', '@jupyterlab/statusbar', '@jupyterlab/apputils',
        '@lumino/widgets', 'react', '@jupyter/chat', '@jupyter-ai/persona-manager'
      ];
      const [{ plugins }, completer, statusbar, apputils, widgets, react, chat, ai] =
        await Promise.all([import(new URL('wire.js', here).href), ...names.map(shared)]);
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
