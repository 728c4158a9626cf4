from __future__ import annotations


async def test_run(far_host):
    done = await far_host.connection.run("cat; echo err >&2; echo $HOME; exit 3", input=b"hello\n")
    assert done.code == 3 and done.stdout == b"hello\n" + str(far_host.home).encode() + b"\n" and done.stderr == "err\n"


async def test_mocked(mocked_ssh):
    mocked_ssh.on("^probe", "yes\n")
    done = await mocked_ssh.connection.run("probe x", input=b"q")
    assert done.stdout == b"yes\n" and mocked_ssh.commands == ["probe x"] and mocked_ssh.inputs == [b"q"]
    assert (await mocked_ssh.connection.run("other")).code == 127
