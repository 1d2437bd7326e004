export class Refused extends Error {
    fix;
    constructor(message, fix) {
        super(message);
        this.fix = fix;
    }
}
const GONE = {
    message: 'The Jupyter server does not answer.',
    fix: 'Look whether it still runs, and start it again.'
};
const NOT_THERE = {
    message: 'The assistant is not part of this Jupyter server.',
    fix: 'Install it there and start Jupyter again: jupyter assistant install'
};
export class Talk {
    server;
    page = Math.random().toString(36).slice(2, 12);
    path = '';
    constructor(server) {
        this.server = server;
    }
    async *complete(question, signal) {
        this.path = question.path;
        try {
            const reply = await this.send('POST', 'complete', question, signal);
            yield* lines(reply);
        }
        catch (error) {
            if (signal.aborted) {
                yield ended('aborted', null);
            }
            else {
                const { message, fix } = inWords(error);
                yield { ...ended('error', message), status: failed(message, fix) };
            }
        }
    }
    async status(withModels = false) {
        const path = encodeURIComponent(this.path);
        return this.ask('GET', `completion?path=${path}${withModels ? '&models=1' : ''}`);
    }
    async warm() {
        return this.ask('POST', 'completion/warm', { path: this.path });
    }
    async settings() {
        return (await this.send('GET', 'completion/settings')).json();
    }
    async set(key, value) {
        const reply = await this.send('PATCH', 'completion/settings', { key, value });
        return reply.json();
    }
    async ask(method, path, body) {
        try {
            return (await (await this.send(method, path, body)).json());
        }
        catch (error) {
            const { message, fix } = inWords(error);
            return failed(message, fix);
        }
    }
    async send(method, path, body, signal) {
        const headers = {};
        if (body !== undefined) {
            headers['Content-Type'] = 'application/json';
        }
        if (this.server.token) {
            headers['Authorization'] = `token ${this.server.token}`;
        }
        const xsrf = /(?:^|;\s*)_xsrf=([^;]*)/.exec(document.cookie)?.[1];
        if (xsrf) {
            headers['X-XSRFToken'] = xsrf;
        }
        const reply = await fetch(`${this.server.baseUrl}local-assistant/${path}`, {
            method,
            headers,
            signal,
            cache: 'no-store',
            credentials: 'same-origin',
            body: body === undefined ? undefined : JSON.stringify(body)
        });
        if (!reply.ok) {
            throw await refusal(reply);
        }
        return reply;
    }
}
async function* lines(reply) {
    const reader = reply.body.getReader();
    const decoder = new TextDecoder();
    let rest = '';
    for (;;) {
        const { value, done } = await reader.read();
        rest += decoder.decode(value, { stream: !done });
        const parts = rest.split('\n');
        rest = parts.pop();
        for (const part of parts) {
            if (part.trim()) {
                yield JSON.parse(part);
            }
        }
        if (done) {
            return;
        }
    }
}
async function refusal(reply) {
    if (reply.status === 404) {
        return new Refused(NOT_THERE.message, NOT_THERE.fix);
    }
    let said = {};
    try {
        said = (await reply.json());
    }
    catch {
    }
    const message = said.message || `The Jupyter server answered ${reply.status}.`;
    const fix = reply.status === 403 ? 'Log in again: reload this page.' : 'Reload this page.';
    return new Refused(message, said.fix || fix);
}
export function inWords(error) {
    return error instanceof Refused ? error : GONE;
}
function ended(reason, message) {
    return { type: 'end', reason, shown: false, message };
}
function failed(message, fix) {
    return {
        enabled: true,
        state: 'error',
        model: null,
        server: null,
        hint: null,
        error: { message, fix },
        last: null,
        settings: null
    };
}
