// A question box for any page of an intranet, by one script tag: docs/clients.md shows it. Footnote must list the page's origin in api.allowed_origins. Attributes of the tag: data-label, data-placeholder,
// data-key (a key that every visitor of the page may see), data-target (a selector; else it stands where the tag is).
// A page that signs its readers in sets document.querySelector("footnote-ask").token = async () => "their token".

(() => {
  const tag = document.currentScript;
  const service = new URL(tag.src).origin;

  const STYLE = `
    :host { display: block; font: 1rem/1.5 system-ui, sans-serif; color: #1d2422; }
    form { display: grid; grid-template-columns: 1fr auto; gap: .5rem; }
    label { grid-column: 1 / -1; font-weight: 600; }
    input, button { font: inherit; padding: .5rem .75rem; border-radius: 8px; border: 1px solid #6b746f; }
    input { min-width: 0; background: #fff; color: inherit; }
    form button { background: #1f5c52; color: #fff; border-color: #1f5c52; cursor: pointer; }
    form button[disabled] { opacity: .6; }
    :focus-visible { outline: 3px solid #1f5c52; outline-offset: 2px; }
    .answer { white-space: pre-wrap; overflow-wrap: anywhere; margin: .75rem 0; }
    .mark { padding: 0 .25rem; margin-left: .1rem; border: 0; border-radius: 4px; background: #e3efec; color: #1f5c52;
      font-size: .8em; cursor: pointer; }
    ol { margin: 0; padding-left: 1.5rem; font-size: .9rem; }
    q { display: block; color: #4c5551; }
    a { color: #1f5c52; }
    .status { min-height: 1.5rem; margin: .5rem 0 0; color: #4c5551; font-size: .9rem; }
    @media (prefers-color-scheme: dark) {
      :host { color: #e6e8e4; } input { background: #1c2120; } q, .status { color: #b3bdb8; } a { color: #8fd0c3; }
    }`;

  function element(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  class FootnoteAsk extends HTMLElement {
    token = async () => this.dataset.key;

    connectedCallback() {
      if (this.shadowRoot) return;
      const root = this.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet(); // of the script's making, so that the page's policy needn't allow inline styles
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
      this.input = element("input", { id: "question", required: true, autocomplete: "off", maxLength: 8000 });
      this.input.placeholder = this.dataset.placeholder ?? "";
      this.button = element("button", { textContent: "Ask" });
      const label = element("label", { htmlFor: "question", textContent: this.dataset.label ?? "Ask our documents" });
      const form = element("form", {}, label, this.input, this.button);
      this.status = element("p", { className: "status", role: "status" });
      this.answer = element("div", { className: "answer" });
      this.notes = element("ol");
      this.notes.setAttribute("aria-label", "Sources");
      this.notes.hidden = true;
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        this.ask(this.input.value);
      });
      root.append(form, this.status, this.answer, this.notes);
    }

    async ask(question) {
      this.asking?.abort();
      this.asking = new AbortController();
      this.answer.replaceChildren();
      this.notes.replaceChildren();
      this.notes.hidden = true;
      this.sources = new Map();
      this.status.textContent = "Searching…";
      this.button.disabled = true;
      try {
        for await (const [name, data] of this.events(question, this.asking.signal)) this.take(name, data);
      } catch (error) {
        if (error.name !== "AbortError") this.status.textContent = error.message;
      } finally {
        this.button.disabled = false;
      }
    }

    take(name, data) {
      if (name === "sources") this.sources = new Map(data.sources.map((source) => [source.number, source]));
      else if (name === "token") this.answer.append(data.text);
      else if (name === "citation") this.cite(data);
      else if (name === "abstain") this.answer.append(data.reason);
      else if (name === "error") throw new Error(data.detail ?? data.title);
      else if (name === "done") {
        const count = this.notes.childElementCount;
        this.status.textContent = `The answer is complete, with ${count} ${count === 1 ? "source" : "sources"}.`;
      }
    }

    cite({ number, quote, page }) {
      const source = this.sources.get(number);
      let note = this.notes.querySelector(`[value="${number}"]`);
      if (!note) {
        const where = page ? `${source.title}, page ${page}` : source.title;
        const link = /^https?:/.test(source.uri);
        const name = link ? element("a", { href: source.uri, textContent: where }) : element("span", { textContent: where });
        note = element("li", { value: number, tabIndex: -1 }, name);
        if (quote) note.append(element("q", { textContent: quote }));
        this.notes.append(note);
        this.notes.hidden = false;
      }
      if (this.answer.lastChild?.number === number) return;
      const mark = element("button", { className: "mark", type: "button", textContent: number, number });
      mark.setAttribute("aria-label", `Source ${number}: ${source.title}`);
      mark.addEventListener("click", () => note.focus());
      this.answer.append(mark);
    }

    async *events(question, signal) {
      const headers = { "Content-Type": "application/json", Accept: "text/event-stream" };
      const token = await this.token();
      if (token) headers.Authorization = `Bearer ${token}`;
      const sent = { method: "POST", headers, body: JSON.stringify({ question }), signal, credentials: "omit" };
      const response = await fetch(`${service}/v1/answers`, sent).catch((error) => {
        if (error.name === "AbortError") throw error;
        throw new Error("The answers can’t be reached just now.");
      });
      if (!response.ok) throw new Error((await response.json().catch(() => ({}))).detail ?? `Error ${response.status}.`);
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) throw new Error("The connection broke off before the answer was complete. Ask again.");
        const blocks = (rest + value).split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) {
          const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s)));
          if (!fields.data) continue;
          yield [fields.event, JSON.parse(fields.data)];
          if (fields.event === "done") return;
        }
      }
    }
  }

  if (!customElements.get("footnote-ask")) customElements.define("footnote-ask", FootnoteAsk);
  const box = document.createElement("footnote-ask");
  Object.assign(box.dataset, tag.dataset);
  const target = tag.dataset.target && document.querySelector(tag.dataset.target);
  if (target) target.append(box);
  else tag.after(box);
})();
