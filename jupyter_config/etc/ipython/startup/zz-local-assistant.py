"""Gives every IPython kernel of this environment the %%ai magic (jupyter-local-assistant)."""


def _local_assistant_startup():
    try:
        from IPython import get_ipython

        from local_assistant.lab.magics import register_if_free
        from local_assistant.lab.stock_magics import prepare

        register_if_free(get_ipython())
        prepare(get_ipython())
    except Exception:  # noqa: S110 - a kernel starts, whatever is wrong with an extra of it
        pass


_local_assistant_startup()
del _local_assistant_startup
