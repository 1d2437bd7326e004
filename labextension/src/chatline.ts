/**
 * Join Jupyter AI's chat and our line at its input: loaded where Jupyter AI is, and small.
 *
 * Contract: the line's own module comes with the first chat that our persona answers in.
 */

import type { ChatParts, Shared } from './jupyterlab.js';

const PERSONA = 'jupyter-ai-personas::local_assistant::LocalAssistantPersona';

export function join({ react }: Shared, ...[app, controls, commands]: ChatParts): void {
  controls.addControl({
    id: 'local-assistant:context',
    personaId: PERSONA,
    component: input =>
      react.createElement?.('span', {
        hidden: true,
        ref: (node: HTMLElement | null) =>
          void import('./context.js').then(({ show }) => show(app, commands, input, node))
      })
  });
}
