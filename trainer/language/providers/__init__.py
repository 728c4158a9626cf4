"""Language models that describe a clip or answer a prompt: services behind an API, and local folders.

    spec ──> opening ──> cache ──> calling ──> spending ──> openai_api, anthropic_api, local
                         (each of these is a `Writer`; each but the last is one around the next)
    describer = prompt of the evidence ──> Writer ──> reading of the answer

Nothing here imports a library of a provider before a provider of that kind is opened.
"""
