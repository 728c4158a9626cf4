"""Keywords of ssh_config(5): what is obeyed here, what is not and matters, and what cannot matter."""

from __future__ import annotations

APPENDED = frozenset({"identityfile", "certificatefile", "sendenv"})
"""Every line of these counts; of all others the first."""

HANDED_ON = APPENDED | {
    "addressfamily", "bindaddress", "challengeresponseauthentication", "compression", "enablesshkeysign",
    "gssapiauthentication", "gssapidelegatecredentials", "gssapikeyexchange",
    "hostbasedauthentication", "hostkeyalgorithms", "hostkeyalias", "hostname", "identitiesonly", "identityagent",
    "kbdinteractiveauthentication", "kexalgorithms", "macs", "passwordauthentication", "port",
    "preferredauthentications", "pubkeyauthentication", "rekeylimit", "setenv", "tcpkeepalive", "user",
}  # fmt: skip
"""What asyncssh reads and does. Not CASignatureAlgorithms: it takes them for those of the person's own keys."""

OURS = frozenset({
    "canonicaldomains", "canonicalizefallbacklocal", "canonicalizehostname", "canonicalizemaxdots",
    "canonicalizepermittedcnames", "connecttimeout", "proxycommand", "proxyjump", "tag",
})  # fmt: skip
"""What is read and done here."""

OTHERWISE = {
    "userknownhostsfile": "is not read: host keys are on record in ~/.ssh/known_hosts and in a file of our own",
    "globalknownhostsfile": "is not read: host keys are on record in ~/.ssh/known_hosts and in a file of our own",
    "knownhostscommand": "is not run: host keys are on record in ~/.ssh/known_hosts and in a file of our own",
    "pkcs11provider": "is not used: load its keys into the agent with ssh-add -s",
    "securitykeyprovider": "is not used: load the key into the agent with ssh-add",
    "bindinterface": "is not obeyed: write the interface's address as BindAddress",
    "revokedhostkeys": "is not read: write such a key into ~/.ssh/known_hosts behind @revoked",
}
"""What OpenSSH would do, and what holds here instead."""

UNCHECKED = ("no", "off", "accept-new")
STRICT_WHY = (
    "is off, and not obeyed here: every new key is asked about (--accept-host-key takes one by its fingerprint)"
)

WITHOUT_EFFECT = frozenset({
    "addkeystoagent", "batchmode", "casignaturealgorithms", "checkhostip", "ciphers", "cipher", "clearallforwardings",
    "connectionattempts",
    "controlmaster", "controlpath", "controlpersist", "dynamicforward", "enableescapecommandline", "escapechar",
    "exitonforwardfailure", "fingerprinthash", "forkafterauthentication", "forwardagent", "forwardx11",
    "forwardx11timeout", "forwardx11trusted", "gatewayports", "gssapiclientidentity", "gssapikexalgorithms",
    "gssapirenewalforcesrekey", "gssapiserveridentity", "gssapitrustdns", "hashknownhosts",
    "hostbasedacceptedalgorithms", "hostbasedkeytypes", "ignoreunknown", "ipqos", "kbdinteractivedevices",
    "localcommand", "localforward", "loglevel", "logverbose", "nohostauthenticationforlocalhost",
    "numberofpasswordprompts", "obscurekeystroketiming", "permitlocalcommand", "permitremoteopen", "proxyusefdpass",
    "pubkeyacceptedalgorithms", "pubkeyacceptedkeytypes", "refuseconnection", "remotecommand", "remoteforward",
    "requesttty", "requiredrsasize", "rhostsrsaauthentication", "rsaauthentication", "protocol", "channeltimeout",
    "serveralivecountmax", "serveraliveinterval", "sessiontype", "stdinnull", "streamlocalbindmask",
    "streamlocalbindunlink", "stricthostkeychecking", "syslogfacility", "tunnel", "tunneldevice", "updatehostkeys",
    "usekeychain", "useprivilegedport", "verifyhostkeydns", "versionaddendum", "visualhostkey", "warnweakcrypto",
    "xauthlocation",
})  # fmt: skip
"""Known to OpenSSH, and without effect on how a command of ours reaches its host."""
