// The account of a customer of the demo shop: the links of its mails, a forgotten password, an action at the price of
// the catalogue, another device, the data, and the end.
import { readFile } from 'node:fs/promises';
import { accessible } from './axe.mjs';
import { must, stepper, withPage } from './chromium.mjs';
import { order, password, payAndReturn, points, register, said } from './customer.mjs';

let email = 'hedy@example.com';
const another = 'staple paper clip';

export const account = (browser, urls) => withPage(browser, {}, (page) => story(page, urls));

async function story(page, urls) {
  const step = stepper(page);
  await step('register', () => register(page, urls, email));
  await step('the link of a mail confirms the address', async () => {
    await mailAbout(urls, 'Confirm your address'); // while it waits to be sent, asking again adds no other
    await page.getByRole('button', { name: 'Send the mail again' }).click();
    await openMail(page, urls, 'Confirm your address', 2);
    await page.locator('#told').filter({ hasText: 'Your address is confirmed.' }).waitFor();
    await page.locator('#address').filter({ hasText: 'confirmed on' }).waitFor();
    must(!page.url().includes('#'), `the token stayed in the address: ${page.url()}`);
  });
  await step('buy points', async () => {
    await order(page, urls, 'Buy 100 points');
    await payAndReturn(page, urls);
    await points(page, 100);
  });
  await step('pay the price of an action', async () => {
    await page.getByLabel('What for').selectOption('picture');
    await page.locator('#units').fill('2');
    await page.locator('#price').filter({ hasText: '60 points' }).waitFor();
    await accessible(page, 'the shop with an action');
    await page.getByRole('button', { name: 'Spend points' }).click();
    await said(page, 'Spend', 'Spent 60 points.');
    await points(page, 40);
    await page.locator('#entries').getByText('Picture × 2').waitFor();
  });
  await step('end the login of another device', async () => {
    const other = await fetch(`${urls.base_url}/auth/login`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ email, password, device_name: 'Old phone' }),
    });
    must(other.ok, `the other device's login got ${other.status}`);
    await page.reload();
    await page.getByRole('button', { name: /^End Old phone/ }).click();
    await said(page, 'Your devices', 'That login has ended.');
    const { token } = await other.json();
    const read = await fetch(`${urls.base_url}/session`, { headers: { Authorization: `Bearer ${token}` } });
    must(read.status === 401, `the ended login got ${read.status}`);
  });
  await step('change the password', async () => {
    await page.getByRole('button', { name: 'Change the password…' }).click();
    await page.locator('#old-secret').fill(password);
    await page.locator('#other-secret').fill('wooden spoon drawer');
    await accessible(page, 'the shop with a new password');
    await page.getByRole('button', { name: 'Change the password', exact: true }).click();
    await said(page, 'Your account', 'Your password is changed.');
  });
  await step('ask for another address', async () => {
    await page.getByRole('button', { name: 'Change the address…' }).click();
    await page.locator('#other-email').fill(`new-${email}`);
    await page.locator('#email-password').fill('wooden spoon drawer');
    await page.getByRole('button', { name: 'Send the mail', exact: true }).click();
    await said(page, 'Your account', 'a mail is on its way');
  });
  await step('the link of its mail changes the address after a login', async () => {
    await page.getByRole('button', { name: 'Log out' }).click();
    await openMail(page, urls, 'Confirm your new address', 1, `new-${email}`);
    await page.locator('#told').filter({ hasText: 'Log in with your present address' }).waitFor();
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Password', { exact: true }).fill('wooden spoon drawer');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.locator('#told').filter({ hasText: 'Your address is changed.' }).waitFor();
    email = `new-${email}`;
    await page.locator('#address').filter({ hasText: `${email}, confirmed on` }).waitFor();
  });
  await step('after another login the price is that of the choice', async () => {
    await page.getByLabel('What for').selectOption({ label: 'A number of points' });
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Password', { exact: true }).fill('wooden spoon drawer');
    await page.getByRole('button', { name: 'Log in' }).click();
    await points(page, 40);
    must(await page.locator('#action').inputValue() !== '' && await page.locator('#units').isVisible() && !await page.locator('#amount').isVisible(), 'the form asks for an amount beside an action');
  });
  await step('download the data', async () => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download my data' }).click()]);
    const data = JSON.parse(await readFile(await download.path(), 'utf8'));
    must(data.user.email === email && data.points.available === 40, `it has ${JSON.stringify(data.user)}`);
  });
  await step('set a new password by the link of a mail', async () => {
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Email').fill(email);
    await page.getByRole('button', { name: 'Forgot the password' }).click();
    await page.locator('#gate .told').filter({ hasText: 'a mail is on its way' }).waitFor();
    await openMail(page, urls, 'Set a new password');
    await page.getByRole('textbox', { name: 'New password' }).fill('password123');
    await accessible(page, 'the page that sets a password');
    await page.getByRole('button', { name: 'Save the password' }).click();
    await page.locator('#from-mail .told.alert').waitFor(); // a common one is refused
    await page.getByRole('textbox', { name: 'New password' }).fill(another);
    await page.getByRole('button', { name: 'Save the password' }).click();
    await page.locator('#told').filter({ hasText: 'Your password is changed.' }).waitFor();
    await page.getByLabel('Email').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(another);
    await page.getByRole('button', { name: 'Log in' }).click();
    await points(page, 40);
  });
  await step('delete the account', async () => {
    await page.getByRole('button', { name: 'Delete my account…' }).click();
    await page.getByRole('textbox', { name: 'Your password' }).fill(password);
    await page.getByRole('button', { name: 'Delete for good' }).click();
    await page.locator('#self .told.alert').waitFor(); // the old password
    await accessible(page, 'the shop before a deletion');
    await page.getByRole('textbox', { name: 'Your password' }).fill(another);
    await page.getByRole('button', { name: 'Delete for good' }).click();
    await page.locator('#told').filter({ hasText: 'Your account is closed' }).waitFor();
    await page.getByLabel('Email').waitFor();
  });
}

// openMail goes where the link of the last mail about a subject leads.
async function openMail(page, urls, subject, mailsNeeded = 1, to = email) {
  const [link] = (await mailAbout(urls, subject, mailsNeeded, to)).text.match(/https?:\S+/);
  await page.goto('about:blank');
  await page.goto(link);
}

// mailAbout waits until as many mails about a subject have come to an address, and returns the last one.
async function mailAbout(urls, subject, mailsNeeded = 1, to = email) {
  for (let attempt = 0; attempt < 150; attempt++) {
    const { mails } = await (await fetch(`${urls.base_url}/mails.json`)).json();
    const found = mails.filter((m) => m.to === to && m.subject.endsWith(subject)); // the newest first
    if (found.length >= mailsNeeded) return found[0];
    await new Promise((done) => setTimeout(done, 200));
  }
  throw new Error(`no mail came: ${subject}`);
}
