// A customer of the demo shop who logs in at an issuer of ID tokens and has no password: the local issuer of `dev`, a
// device and its name, and the end of the account.
import { accessible } from './axe.mjs';
import { must, stepper, withPage } from './chromium.mjs';
import { points, said } from './customer.mjs';

const email = 'grace@example.com';

export const issuer = (browser, urls) => withPage(browser, {}, (page) => story(page, urls));

async function story(page, urls) {
  const step = stepper(page);
  await step('log in elsewhere', async () => {
    await page.goto(urls.base_url);
    await page.getByRole('button', { name: 'Use another login' }).click();
    await prove(page, urls, email);
    await page.locator('#told').filter({ hasText: 'You are logged in.' }).waitFor();
    await points(page, 0);
    await page.locator('#address').filter({ hasText: `${email}, confirmed on` }).waitFor();
    must(!page.url().includes('#'), `the token stayed in the address: ${page.url()}`);
  });
  await step('give this device another name', async () => {
    await page.getByRole('button', { name: /^Rename Browser/ }).click();
    await page.getByRole('textbox', { name: 'Name of the device' }).fill('My laptop');
    await accessible(page, 'the shop with a name of a device');
    await page.getByRole('button', { name: 'Save', exact: true }).and(page.locator('#devices button')).click();
    await said(page, 'Your devices', 'The device has its name.');
    await page.locator('#devices').getByText('My laptop').first().waitFor();
  });
  await step('a login of someone else deletes nothing', async () => {
    await page.getByRole('button', { name: 'Delete my account…' }).click();
    await page.getByRole('button', { name: 'I have no password' }).click();
    await prove(page, urls, `not-${email}`);
    await page.locator('#told').filter({ hasText: 'nothing is deleted' }).waitFor();
    must(!await page.locator('#delete').isVisible(), 'the other account can be deleted by mistake');
  });
  await step('delete an account without a password', async () => {
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('button', { name: 'Use another login' }).click();
    await prove(page, urls, email);
    await page.getByRole('button', { name: 'Delete my account…' }).click();
    await page.getByRole('button', { name: 'I have no password' }).click();
    await prove(page, urls, email);
    await page.locator('#delete h3').waitFor();
    must(!await page.locator('#delete-password').isVisible(), 'it asks for a password');
    await accessible(page, 'the shop before a deletion without a password');
    await page.getByRole('button', { name: 'Delete for good' }).click();
    await page.locator('#told').filter({ hasText: 'Your account is closed' }).waitFor();
  });
}

// prove logs in at the issuer's page, which leads back to the shop.
async function prove(page, urls, who) {
  await page.waitForURL(`${urls.sandbox_url}/_issuer/**`);
  await accessible(page, 'the page of the local issuer');
  await page.getByLabel('Email').fill(who);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.waitForURL(`${urls.base_url}/**`);
}
