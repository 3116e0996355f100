// How numbers are written: as draw/values.py writes them.
const minus = (text) => text.replace("-", "−");
const fixed = (value, decimals) => { // a tie goes to the even digit, as in Python
  const text = value.toFixed(decimals);
  const tail = Math.abs(value).toFixed(Math.min(100, decimals + 30)).slice(-30);
  if (!/^50*$/.test(tail) || Number(text.at(-1)) % 2 === 0) return text;
  const below = (Math.abs(value) - 0.5 * 10 ** -decimals).toFixed(decimals);
  return value < 0 ? `-${below}` : below;
};
const significant = (value, digits) => { // as %.3g
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  if (exponent < -4 || exponent >= digits) return [`${Number(mantissa)}`, Number(exponent)];
  return [`${Number(fixed(value, Math.max(0, digits - 1 - exponent)))}`, null];
};
const numberText = (value) => {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  if (Math.abs(value) < 100000 && (Number.isInteger(value) || Math.abs(value) >= 1000))
    return minus(fixed(value + 0, 0));
  const [mantissa, exponent] = significant(value, 3);
  if (exponent === null) return minus(mantissa);
  const power = `10${[...String(exponent)].map((c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]).join("")}`;
  return minus({ 1: power, "-1": `-${power}` }[mantissa] ?? `${mantissa}·${power}`);
};
const shortText = (value) => {
  if (Math.abs(value) < 0.005) return numberText(Number(value.toPrecision(1)));
  const isPlain = !(Math.abs(value) < 100) || Number.isInteger(value);
  return isPlain ? numberText(value) : minus(fixed(value, 2));
};
const decimalsOf = (values) => {
  const finite = values.filter(Number.isFinite);
  const largest = Math.max(0, ...finite.map(Math.abs));
  if (finite.every(Number.isInteger) || !(largest >= 0.001 && largest < 1000)) return null;
  const decimals = 2 - Math.floor(Math.log10(largest));
  return finite.some((v) => v && Math.abs(v) < 0.5 * 10 ** -decimals) ? null : decimals;
};
const entryText = (value, decimals) =>
  decimals === null || !Number.isFinite(value) || value === 0 ? numberText(value) : minus(fixed(value, decimals));
const summaryText = (data) => {
  const nans = data.filter(Number.isNaN).length;
  if (nans) return `${nans} of ${data.length} NaN`;
  const low = Math.min(...data), high = Math.max(...data);
  if (low === high) return `all ${numberText(low)}`;
  const mean = data.reduce((a, b) => a + b, 0) / data.length;
  const shown = Math.abs(mean) < 1e-12 * Math.max(Math.abs(low), Math.abs(high)) ? 0 : mean;
  return `mean ${numberText(shown)}, ${numberText(low)} to ${numberText(high)}`;
};
const valueLines = ({ shape, data }, beside = []) => {
  const width = shape.at(-1) ?? 1;
  if (data.length > 6 || data.length / width > 3) return [summaryText(data)];
  const compared = [...data, ...beside.flatMap((each) => each.data)];
  const least = beside.length ? 1e-12 * Math.max(...compared.map(Math.abs)) : 0;
  const decimals = compared.length > 1 ? decimalsOf(compared.filter((v) => !(Math.abs(v) < least))) : null;
  const entries = data.map((v) => entryText(Math.abs(v) < least ? 0 : v, decimals));
  return Array.from({ length: data.length / width }, (_, row) =>
    entries.slice(row * width, (row + 1) * width).join("  "));
};
const oneLine = (array, beside) => valueLines(array, beside).join(";  ");
const sumText = (parts, total) => {
  const every = [...parts, total];
  const [first, ...others] = parts.map((part) => oneLine(part, every));
  const signed = others.map((t) => (t.startsWith("−") ? `− ${t.slice(1)}` : `+ ${t}`));
  return `${[first, ...signed].join(" ")} = ${oneLine(total, every)}`;
};
// A formula may be one number for every entry, and axes of length 1 leave no trace in it.
const fit = (shape, x) => {
  x = $.of(x);
  const size = shape.reduce((a, b) => a * b, 1);
  if (x.data.length === size) return { shape, data: x.data };
  return $.add({ shape, data: Array(size).fill(0) }, x);
};
