// The lines of a page, each a component of its own: of a thousand a key draws one anew.
export const PvOutlines = {
  props: { rows: Array, selected: Number },
  template: `<polygon v-for="row in rows" :key="row.key" :points="row.outline"
    v-memo="[row, row.is_checked, selected === row.key]" :data-key="row.key"
    :class="{checked: row.is_checked, on: selected === row.key}"/>`,
};

const PvLine = {
  props: { row: Object, number: Number, on: Boolean },
  inject: ["view"],
  template: `
<li :class="{checked: row.is_checked, on}">
  <span class="pv-mark" @mousedown.prevent @click="view.toggle(row)"
    :title="row.is_checked ? 'checked' : 'not checked'">{{
    row.is_checked ? "✓" : number }}</span>
  <div class="pv-field">
    <div class="pv-tint" dir="auto" ref="tint"><span v-for="part in tint()"
      :style="part.style">{{ part.text }}</span></div>
    <input :value="row.text" dir="auto" spellcheck="false" autocomplete="off"
      :data-key="row.key" :aria-label="'line ' + number" maxlength="2000"
      @focus="view.select(row)" @input="view.write(row, $event.target.value)"
      @scroll="$refs.tint.scrollLeft = $event.target.scrollLeft">
  </div>
</li>`,
  methods: {
    // How sure each character is: the less, the darker.
    tint() {
      const { text, characters, confidence, is_checked } = this.row, parts = [];
      const colour = (unsure) => unsure > 0.1
        ? { background: `rgba(230, 120, 0, ${Math.min(0.75, unsure)})` } : {};
      if (is_checked || !text) return parts;
      if (!characters) return [{ text, style: colour(1 - (confidence ?? 1)) }];
      [...text].forEach((character, i) => {
        const digit = characters[i], last = parts[parts.length - 1];
        if (last && last.digit === digit) last.text += character;
        else parts.push({ text: character, digit, style: colour((9 - digit) / 9) });
      });
      return parts;
    },
  },
};

export const PvLines = {
  components: { PvLine },
  props: { rows: Array, selected: Number },
  template: `<ol class="pv-lines"><pv-line v-for="(row, n) in rows" :key="row.key"
    :row="row" :number="n + 1" :on="selected === row.key"
    v-memo="[row, n, selected === row.key]"/></ol>`,
};
