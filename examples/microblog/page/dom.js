/** The only way in which this page makes elements. What users typed becomes text or an attribute of ours, never markup. */

/** `properties` are set on the element; children are elements or texts; null and false are left out. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

export const linkTo = (name) =>
  el("a", { href: `#/@${encodeURIComponent(name)}`, class: "person" }, `@${name}`);
