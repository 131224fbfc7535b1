// The pages of a PDF as images, with the cited passage marked on them.

import { getBlob, make, visible } from "./client.js";
import { t } from "./texts.js";

const SVG = "http://www.w3.org/2000/svg";
const AIR = 1.5; // points around a line, so that the mark doesn't touch its letters
const STEP = 400; // widths are asked for in steps, which lets browsers keep and find the same image
const WIDEST = 2400;
const BESIDE = 16; // pixels left of a mark
const LONGEST_QUOTE = 300;

/** Shows one page at a time in `container`; `pages` are their sizes in points, `boxes` the passage's lines. */
export class PageView {
  #container;
  #path;
  #title;
  #pages;
  #boxes;
  #quote;
  #first;
  #turned;
  #failed;
  #shown = 0;
  #url = "";

  constructor(container, { path, title, pages, boxes, quote, page, onTurn, onFail }) {
    this.#container = container;
    this.#path = path;
    this.#title = title;
    this.#pages = pages;
    this.#boxes = boxes;
    this.#quote = quote;
    this.#first = Math.min(Math.max(boxes[0]?.page ?? page ?? 1, 1), pages.length);
    this.#turned = onTurn;
    this.#failed = onFail;
  }

  get count() {
    return this.#pages.length;
  }

  get shown() {
    return this.#shown;
  }

  /** Show the passage: its page, scrolled to the mark. */
  async showPassage() {
    await this.show(this.#first);
  }

  /** Show a page, from 1. */
  async show(number) {
    if (number < 1 || number > this.count) return;
    if (number !== this.#shown) {
      this.#shown = number;
      this.#turned(number);
      const figure = this.#figure(number);
      this.#container.setAttribute("aria-busy", "true");
      this.#container.replaceChildren(figure);
      this.#container.scrollTo(0, 0);
      this.toMark();
      await this.#load(figure.querySelector("img"), number);
    } else this.toMark();
  }

  /** Let go of the image; what is still on its way is not shown. */
  close() {
    this.#shown = 0;
    this.#container.replaceChildren();
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = "";
  }

  #figure(number) {
    const { width, height } = this.#pages[number - 1];
    const marks = this.#boxes.filter((box) => box.page === number);
    const image = make("img", { alt: visible(this.#describe(number, marks.length > 0)) });
    const figure = make("figure", { className: "sheet" }, image);
    if (width > 0 && height > 0) {
      // Its room is there before the image is: nothing moves when it comes.
      image.width = Math.round(width);
      image.height = Math.round(height);
      figure.append(overlay(width, height, marks));
    }
    return figure;
  }

  #describe(number, marked) {
    const page = { number: String(number), count: String(this.count), title: this.#title };
    if (!marked) return t("reader.image", page);
    const flat = this.#quote.replace(/\s+/g, " ").trim();
    const quote = `${flat.slice(0, LONGEST_QUOTE)}${flat.length > LONGEST_QUOTE ? "…" : ""}`;
    return t("reader.image_marked", { ...page, quote });
  }

  async #load(image, number) {
    const pixels = (image.clientWidth || STEP * 2) * (window.devicePixelRatio || 1);
    const width = Math.min(Math.ceil(pixels / STEP) * STEP, WIDEST);
    try {
      const url = URL.createObjectURL(await getBlob(`${this.#path}/pages/${number}.png?width=${width}`));
      if (this.#shown !== number || !image.isConnected) {
        URL.revokeObjectURL(url);
        return;
      }
      if (this.#url) URL.revokeObjectURL(this.#url);
      this.#url = url;
      image.src = url;
      await image.decode();
      this.#container.setAttribute("aria-busy", "false");
    } catch (error) {
      if (this.#shown !== number || !image.isConnected) return;
      this.#shown = 0; // the next try begins anew
      this.#failed(error);
    }
  }

  /** Scroll to the mark, if there is one on the page that is shown. */
  toMark() {
    const marks = [...this.#container.querySelectorAll("rect")];
    if (!marks.length) return;
    marks[0].scrollIntoView({ block: "center" });
    // An enlarged page is wider than its room: from where its leftmost line begins.
    const left = Math.min(...marks.map((mark) => mark.getBoundingClientRect().left));
    this.#container.scrollLeft += left - this.#container.getBoundingClientRect().left - BESIDE;
  }
}

function overlay(width, height, boxes) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
  drawing.setAttribute("preserveAspectRatio", "none");
  drawing.setAttribute("aria-hidden", "true"); // the image's description says what is marked
  for (const { left, top, right, bottom } of boxes) {
    const mark = document.createElementNS(SVG, "rect");
    const place = { x: left - AIR, y: top - AIR, width: right - left + 2 * AIR, height: bottom - top + 2 * AIR, rx: 2 };
    for (const [name, value] of Object.entries(place)) mark.setAttribute(name, value);
    drawing.append(mark);
  }
  return drawing;
}
