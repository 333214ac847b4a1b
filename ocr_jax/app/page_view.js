// A page beside its lines. Python keeps the page; here is what must not wait for it.
import { PvLines, PvOutlines } from "page-lines";

const MARGIN = 0.03, NEAR = 4; // of the view; pixels that make a drag of a click
const PATIENCE = 5000; // milliseconds until what is not answered is sent again

export default {
  components: { PvOutlines, PvLines },
  provide() { return { view: this }; },
  props: { image: String, size: Array, start: Array, letters: String, undoable: Boolean },
  emits: ["operations"],
  template: `
<div class="pv">
  <div class="pv-bar" role="toolbar" @mousedown.prevent>
    <button @click="ask('undo')" :disabled="!canUndo" title="Ctrl+Z">↶ Undo</button>
    <button @click="ask('move', {by: -1})" :disabled="!on" title="Alt+↑">↑ Up</button>
    <button @click="ask('move', {by: 1})" :disabled="!on" title="Alt+↓">↓ Down</button>
    <button @click="ask('delete')" :disabled="!on" title="Ctrl+Delete">✕ Delete</button>
    <button @click="push({op: 'check_all'})" :disabled="checked === rows.length"
      title="Mark all lines with a text as checked">✓ All</button>
    <button @click="adding ? stopAdding() : (adding = [])" :class="{on: adding}"
      title="Click where its baseline begins, and where it ends">+ Line</button>
    <span class="pv-hint" v-if="adding">{{ adding.length
      ? "Now click where the baseline ends" : "Click where the baseline begins" }}</span>
    <span class="pv-zoom"><button @click="zoom(1 / 1.4)" title="+">+</button>
      <button @click="zoom(1.4)" title="-">−</button><button @click="fit()">Fit</button></span>
    <span class="pv-count">{{ checked }} of {{ rows.length }} checked</span>
    <span class="pv-status" :class="status.kind" role="status"><span>{{ status.text }}</span></span>
    <button v-if="status.kind === 'bad'" @click="reload()">Load again</button>
  </div>
  <div class="pv-body">
    <svg ref="svg" :viewBox="box" @wheel.prevent="onWheel" @pointerdown="onDown"
      @pointermove="onMove" @pointerup="onUp" :class="{adding}"
      preserveAspectRatio="xMidYMin meet">
      <image :href="image" :width="size[0]" :height="size[1]"/>
      <pv-outlines :rows="rows" :selected="selected"/>
      <g v-if="on" class="pv-baseline">
        <polyline :points="spell(on.baseline)"/>
        <circle v-for="(p, i) in on.baseline" :cx="p[0]" :cy="p[1]" :r="radius"
          :data-point="i"/>
      </g>
      <circle v-for="p in adding || []" :cx="p[0]" :cy="p[1]" :r="radius"/>
    </svg>
    <div class="pv-side">
      <div class="pv-letters" v-if="letters" @mousedown.prevent>
        <button v-for="c in [...letters]" @click="insert(c)" tabindex="-1">{{ c }}</button>
      </div>
      <pv-lines :rows="rows" :selected="selected"/>
      <p class="pv-none" v-if="!rows.length">No lines yet: have them found, or add them.</p>
    </div>
  </div>
</div>`,
  data() {
    return {
      rows: this.start.map((row) => ({ ...row })), canUndo: this.undoable,
      selected: null, adding: null, view: null, queue: [], sent: null, number: 0,
      status: { kind: "", text: "" }, leaving: false, drag: null,
      patience: PATIENCE,
    };
  },
  computed: {
    on() { return this.rows.find((row) => row.key === this.selected) || null; },
    checked() { return this.rows.filter((row) => row.is_checked).length; },
    box() {
      const { x, y, w, h } = this.view || { x: 0, y: 0, w: this.size[0], h: this.size[1] };
      return `${x} ${y} ${w} ${h}`;
    },
    radius() { return (this.view ? this.view.w : this.size[0]) / 130; },
  },
  mounted() {
    this.fit();
    window.addEventListener("beforeunload", this.onUnload);
    window.addEventListener("keydown", this.onKey);
    const first = this.rows.find((row) => !row.is_checked) || this.rows[0];
    if (first) this.focus(first.key);
  },
  unmounted() {
    clearTimeout(this.timer);
    window.removeEventListener("beforeunload", this.onUnload);
    window.removeEventListener("keydown", this.onKey);
  },
  methods: {
    // What is asked of Python waits in a queue: one batch is under way at a time.
    push(operation) {
      if (this.status.kind === "bad") return;
      const last = this.queue[this.queue.length - 1];
      if (last && last.op === "text" && operation.op === "text" && last.key === operation.key)
        this.queue.pop();
      this.queue.push(operation);
      this.status = { kind: "busy", text: "Saving …" };
      this.pump();
    },
    pump() {
      if (this.sent || !this.queue.length) return;
      [this.sent, this.queue] = [this.queue, []];
      this.number += 1;
      this.send();
    },
    // A message is lost with its connection, as when the computer sleeps.
    send() {
      clearTimeout(this.timer);
      if (!this.sent) return;
      this.$emit("operations", { number: this.number, operations: this.sent });
      this.timer = setTimeout(this.send, this.patience);
    },
    done(answer) {
      // What was read by a network comes without a number: nobody here asked for it.
      const isAsked = answer.number === this.number && this.sent;
      if (answer.number !== null && !isAsked) return;
      const sent = this.sent;
      if (answer.number !== null) this.sent = null;
      if (answer.problem) {
        this.leaving = false; // the problem is to be seen
        if (answer.is_conflict) this.queue = [];
        // What could not be written is sent again with the next change, or by Esc.
        else if (answer.is_unsaved)
          this.queue = [...sent.filter(({ op }) => op === "text" || op === "check"), ...this.queue];
        this.status = { kind: answer.is_conflict ? "bad" : "note", text: answer.problem };
      } else if (!this.queue.length && !this.sent) this.status = { kind: "good", text: "Saved" };
      this.canUndo = answer.undoable;
      if (answer.lines) this.show(answer.lines, answer.focus);
      if (!answer.is_unsaved) this.pump();
      if (this.leaving && !this.sent) this.leave();
    },
    show(lines, focus) {
      const old = this.rows.findIndex((row) => row.key === this.selected);
      const waiting = new Map(); // what Python may not have heard of yet
      for (const { op, key, text, is_checked } of [...(this.sent || []), ...this.queue]) {
        const now = op === "text" ? { text, characters: "", confidence: null }
          : op === "check" ? { is_checked } : {};
        waiting.set(key, { ...waiting.get(key), ...now });
      }
      this.rows = lines.map((row) => ({ ...row, ...waiting.get(row.key) }));
      let key = focus ?? this.selected;
      if (!this.rows.some((row) => row.key === key))
        key = this.rows[Math.min(Math.max(old, 0), this.rows.length - 1)]?.key ?? null;
      this.selected = null;
      if (key !== null) this.$nextTick(() => this.focus(key));
    },
    ask(op, more = {}) {
      if (op !== "undo" && !this.on) return;
      this.push({ op, key: this.selected, ...more });
    },
    write(row, text) {
      row.text = text;
      row.characters = "";
      row.confidence = null;
      this.push({ op: "text", key: row.key, text: row.text });
    },
    toggle(row) {
      row.is_checked = !row.is_checked;
      this.push({ op: "check", key: row.key, is_checked: row.is_checked });
    },
    insert(letter) {
      const field = document.activeElement;
      if (!field?.dataset?.key) return;
      field.setRangeText(letter, field.selectionStart, field.selectionEnd, "end");
      field.dispatchEvent(new Event("input"));
    },
    onKey(event) {
      const control = event.ctrlKey || event.metaKey, key = event.key;
      const act = (action) => { event.preventDefault(); action(); };
      if (event.isComposing) return;
      if (key === "Escape") return act(() => this.adding ? this.stopAdding() : this.leave());
      if (control && key === "z") return act(() => this.ask("undo")); // Z is a redo
      if (!this.on || event.target.tagName !== "INPUT") return;
      if (control && key === "Delete") return act(() => this.ask("delete"));
      if (key === "Enter") return act(this.accept);
      if (key === "ArrowUp" || key === "ArrowDown") {
        const by = key === "ArrowUp" ? -1 : 1;
        return act(() => event.altKey ? this.ask("move", { by }) : this.step(by));
      }
    },
    accept() {
      if (!this.on.is_checked) this.toggle(this.on);
      this.step(1);
    },
    step(by) {
      const next = this.rows[this.rows.indexOf(this.on) + by];
      if (next) this.focus(next.key);
    },
    leave() {
      this.leaving = true;
      this.pump();
      if (!this.sent && !this.queue.length) window.location.href = "/";
    },
    onUnload(event) { if (this.sent || this.queue.length) event.preventDefault(); },
    focus(key) {
      const field = this.$el.querySelector(`input[data-key="${key}"]`);
      field?.focus({ preventScroll: true });
      field?.scrollIntoView({ block: "nearest" });
      const row = this.rows.find((one) => one.key === key);
      if (row) this.select(row); // it may have had the focus all along
    },
    select(row) {
      if (this.selected === row.key) return;
      this.selected = row.key;
      this.follow(row);
    },
    // The image: what of it is seen, and what the pointer does there.
    spell(points) { return points.map((p) => p.join(",")).join(" "); },
    fit() {
      const { width, height } = this.$refs.svg.getBoundingClientRect();
      this.view = { x: 0, y: 0, w: this.size[0], h: this.size[0] * height / Math.max(width, 1) };
    },
    follow(row) {
      if (!this.view || !row.box || this.drag) return;
      const { x, y, w, h } = this.view, [left, top, right, bottom] = row.box;
      const next = { x, y, w, h };
      if (top < y + MARGIN * h || bottom > y + (1 - MARGIN) * h)
        next.y = (top + bottom) / 2 - h / 2;
      if (right - left < w && (left < x || right > x + w)) next.x = (left + right) / 2 - w / 2;
      this.view = this.kept(next);
    },
    kept(view) { // never off the page
      const most = (side, whole) => Math.max(0, whole - side);
      view.x = Math.min(Math.max(view.x, 0), most(view.w, this.size[0]));
      view.y = Math.min(Math.max(view.y, 0), most(view.h, this.size[1]));
      return view;
    },
    zoom(factor, at) {
      const { x, y, w, h } = this.view, [px, py] = at || [x + w / 2, y + h / 2];
      factor = Math.min(factor, 3 * this.size[0] / w, 3 * this.size[1] / h);
      factor = Math.max(factor, 60 / w);
      this.view = this.kept({ x: px - (px - x) * factor, y: py - (py - y) * factor,
        w: w * factor, h: h * factor });
    },
    at(event) {
      const p = new DOMPoint(event.clientX, event.clientY);
      const { x, y } = p.matrixTransform(this.$refs.svg.getScreenCTM().inverse());
      return [x, y];
    },
    onWheel(event) { this.zoom(Math.exp(Math.max(-0.5, Math.min(0.5, event.deltaY / 400))), this.at(event)); },
    onDown(event) {
      if (event.button !== 0) return;
      const data = event.target.dataset;
      this.drag = { at: this.at(event), x: event.clientX, y: event.clientY, moved: false,
        point: data.point === undefined ? null : Number(data.point),
        key: data.key === undefined ? null : Number(data.key) };
      event.preventDefault(); // the field keeps the keyboard
      this.$refs.svg.setPointerCapture(event.pointerId);
    },
    onMove(event) {
      if (!this.drag) return;
      const { x, y, at, point } = this.drag;
      if (Math.hypot(event.clientX - x, event.clientY - y) > NEAR) this.drag.moved = true;
      if (!this.drag.moved) return;
      const now = this.at(event);
      if (point !== null && this.on) this.on.baseline[point] = now;
      else this.view = this.kept({ ...this.view, x: this.view.x - now[0] + at[0],
        y: this.view.y - now[1] + at[1] });
    },
    onUp(event) {
      const drag = this.drag;
      if (!drag) return;
      this.drag = null;
      if (drag.moved) {
        if (drag.point !== null && this.on) this.ask("baseline", { points: this.on.baseline });
      } else if (this.adding) this.addPoint(this.at(event));
      else if (drag.key !== null) this.focus(drag.key);
    },
    addPoint(point) {
      this.adding.push(point);
      if (this.adding.length < 2) return;
      this.push({ op: "add", points: this.adding });
      this.stopAdding();
    },
    reload() { window.location.reload(); },
    stopAdding() { this.adding = null; },
  },
};
