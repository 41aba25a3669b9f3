/**
 * The script of our pages, as it is served: it asks the authenticators of the browser what our server wants to know, and hands the answer back. Browsers
 * have had everything in it since WebAuthn Level 2; the JSON of Level 3 is made by hand.
 */
export const peopleScript = `'use strict';
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  const named = (list) => list.map((each) => ({ ...each, id: bytes(each.id) }));

  const ask = async (path, body) => {
    const response = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.detail);
    return answer;
  };

  const create = async (options) => {
    const made = await navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: bytes(options.challenge),
        user: { ...options.user, id: bytes(options.user.id) },
        excludeCredentials: named(options.excludeCredentials),
      },
    });
    return {
      id: made.id,
      rawId: text(made.rawId),
      type: made.type,
      clientExtensionResults: {},
      response: {
        clientDataJSON: text(made.response.clientDataJSON),
        attestationObject: text(made.response.attestationObject),
        transports: made.response.getTransports ? made.response.getTransports() : [],
      },
    };
  };

  const get = async (options) => {
    const made = await navigator.credentials.get({
      publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: [] },
    });
    const { clientDataJSON, authenticatorData, signature, userHandle } = made.response;
    return {
      id: made.id,
      rawId: text(made.rawId),
      type: made.type,
      clientExtensionResults: {},
      response: {
        clientDataJSON: text(clientDataJSON),
        authenticatorData: text(authenticatorData),
        signature: text(signature),
        ...(userHandle && { userHandle: text(userHandle) }),
      },
    };
  };

  const acts = {
    // What stands behind # is sent to nobody, kept in no log, and seen by no page that this one leads to.
    enrol: async (form) => {
      const order = { secret: location.hash.slice(1), name: form.elements.name ? form.elements.name.value : null };
      const answer = await create(await ask('/enrol/begin', order));
      return ask('/enrol/finish', { ...order, answer });
    },
    'sign-in': async (form) => {
      const answer = await get(await ask('/sign-in/begin', {}));
      return ask('/sign-in/finish', { answer, onward: form.dataset.onward });
    },
  };

  const words = {
    NotAllowedError: 'It was cancelled, or took too long. Try again.',
    InvalidStateError: 'This authenticator has a passkey of yours already.',
    SecurityError: 'This browser does not use passkeys on this address, or does not trust the certificate of this page.',
    NotSupportedError: 'No authenticator at hand can do this.',
  };

  for (const form of document.querySelectorAll('form[data-act]')) {
    const status = form.querySelector('[role=status]');
    const button = form.querySelector('button');
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      button.disabled = true;
      status.textContent = 'Waiting for your passkey…';
      try {
        if (!window.PublicKeyCredential) throw new DOMException('', 'NotSupportedError');
        const { next } = await acts[form.dataset.act](form);
        status.textContent = 'Done.';
        location.replace(next);
      } catch (error) {
        status.textContent = words[error.name] || error.message;
        button.disabled = false;
      }
    });
    button.disabled = false;
  }

  const name = document.querySelector('[data-only-first]');
  if (name) {
    ask('/enrol/whose', { secret: location.hash.slice(1) }).then(
      ({ person }) => {
        if (person === null) name.hidden = false;
        else {
          name.remove();
          document.querySelector('[data-whose]').textContent = person;
        }
      },
      (error) => {
        document.querySelector('form [role=status]').textContent = error.message;
        document.querySelector('form button').disabled = true;
      },
    );
  }
})();
`;
