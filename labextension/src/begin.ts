/** Evaluated first of all modules: from here on our share of the page's start is measured. */
performance.mark('local-assistant:begin');

export {};
