/**
 * The box of the one download: how far it is, cancel, what went wrong, and what to do next.
 *
 * Contract: draws a job and calls back; knows nothing of where jobs come from. Its nodes stay
 * while the same download goes on, so that focus and screen readers are left in peace.
 */

import { make } from './item.js';
import { bytes, duration, type Job, type RoleName } from './modelstalk.js';

const HEADS: Readonly<Record<Job['state'], string>> = {
  running: 'Downloading',
  cancelling: 'Cancelling',
  done: 'Downloaded',
  cancelled: 'Cancelled',
  failed: 'Not downloaded'
};

interface DownloadActions {
  /** Ends the download that runs, or takes an ended one off the page. */
  end(): void;
  again(models: string[], force: boolean): void;
  use(role: RoleName, model: string): void;
  /** For what a model can be used that it does not do yet. */
  uses(model: string): RoleName[];
}

export class Download {
  readonly node = make('section', 'la-Job');
  private readonly head = make('div', 'la-Job-head');
  private readonly bar = make('div', 'la-Job-bar', make('div'));
  private readonly facts = make('div', 'la-Job-facts');
  private readonly note = make('div', 'la-Note la-mod-error');
  private readonly buttons = make('div', 'la-Job-buttons');
  private shown = '';

  constructor(private readonly actions: DownloadActions) {
    this.node.hidden = true;
    this.node.setAttribute('aria-label', 'Download');
    this.head.setAttribute('role', 'status'); // its changes are read out; the bar's are not
    this.bar.setAttribute('role', 'progressbar');
    this.bar.setAttribute('aria-label', 'Progress of the download');
    this.bar.setAttribute('aria-valuemin', '0');
    this.bar.setAttribute('aria-valuemax', '100');
    this.note.setAttribute('role', 'alert');
    this.node.append(this.head, this.bar, this.facts, this.note, this.buttons);
  }

  draw(job: Job | null): void {
    this.node.hidden = !job;
    if (!job) {
      this.shown = '';
      return;
    }
    this.node.dataset.state = job.state;
    this.progress(job);
    const uses = job.got.map(name => [name, this.actions.uses(name)] as const);
    const shown = JSON.stringify([job.id, job.state, job.name, job.error, uses]);
    if (shown === this.shown) {
      return;
    }
    this.shown = shown;
    const what = job.state === 'done' ? job.got.join(', ') : job.name;
    this.head.replaceChildren(
      make('span', 'la-Job-state', HEADS[job.state]),
      make('span', 'la-Job-name', what)
    );
    this.note.hidden = !job.error;
    this.note.replaceChildren(
      job.error?.message ?? '',
      make('div', 'la-Note-fix', job.error?.fix ?? '')
    );
    const focused = this.buttons.contains(document.activeElement);
    this.buttons.replaceChildren(...this.choices(job, uses));
    if (focused) {
      this.buttons.querySelector('button')?.focus();
    }
  }

  private progress(job: Job): void {
    const { completed, total, speed, eta_s: eta } = job;
    const share = total ? Math.min(1, (completed ?? 0) / total) : null;
    // Of what has ended before its first bytes there is no progress to show.
    this.bar.hidden = job.state === 'done' || (job.done && share === null);
    this.bar.classList.toggle('la-mod-unknown', share === null && !job.done);
    (this.bar.firstChild as HTMLElement).style.width = `${100 * (share ?? 0)}%`;
    if (share === null) {
      this.bar.removeAttribute('aria-valuenow');
    } else {
      this.bar.setAttribute('aria-valuenow', String(Math.round(100 * share)));
    }
    const facts = [
      job.state === 'running' && !/^pulling [0-9a-f]+$/.test(job.status) && job.status,
      total && !(job.state === 'done') && `${bytes(completed ?? 0)} of ${bytes(total)}`,
      speed && `${bytes(speed)}/s`,
      eta !== null && speed && `${duration(eta)} left`,
      job.state === 'cancelled' && 'what is there is kept, and the next download goes on from it'
    ];
    this.facts.textContent = facts.filter(fact => fact).join(' · ');
    this.facts.hidden = job.done && !this.facts.textContent;
  }

  private choices(job: Job, uses: (readonly [string, RoleName[]])[]): HTMLElement[] {
    if (!job.done) {
      const cancel = button('Cancel', () => this.actions.end());
      cancel.disabled = job.state === 'cancelling';
      return [cancel];
    }
    const found: HTMLElement[] = [];
    if (job.state === 'done') {
      for (const [name, roles] of uses) {
        const which = uses.length > 1 ? `Use ${name}` : 'Use it';
        for (const role of roles) {
          const use = button(`${which} for ${role}`, () => this.actions.use(role, name));
          use.classList.add('jp-mod-accept');
          found.push(use);
        }
      }
    } else {
      const force = job.too_large;
      const failed = force ? 'Download it all the same' : 'Try again';
      const words = job.state === 'cancelled' ? 'Go on' : failed;
      const again = button(words, () => this.actions.again(job.models, force));
      again.classList.add('jp-mod-accept');
      found.push(again);
    }
    return [...found, button('Dismiss', () => this.actions.end())];
  }
}

export function button(label: string, act: () => void): HTMLButtonElement {
  const node = make('button', 'jp-mod-styled la-Button', label);
  node.type = 'button';
  node.addEventListener('click', act);
  return node;
}
