// Fills the card form of the payment page and of the portal.
export const good = { number: '4242424242424242', exp: '12 / 34', cvc: '123', name: 'Ada Lovelace' };

// fill types a card as a person does. Values that are not given are those of the good card.
export async function fill(form, card = {}) {
  const { number, exp, cvc, name } = { ...good, ...card };
  await form.getByLabel('Card number').fill(number);
  await form.getByLabel(/^Expiry/).fill(exp);
  await form.getByLabel('Security code').fill(cvc);
  await form.getByLabel('Name on card').fill(name);
}

// pay fills the payment page and sends it.
export async function pay(page, card) {
  const email = page.getByRole('textbox', { name: 'Email' });
  if (await email.count() > 0 && await email.inputValue() === '') await email.fill('ada@example.com');
  await fill(page, card);
  await page.getByRole('button', { name: /^(Pay|Subscribe|Start)/ }).click();
}
