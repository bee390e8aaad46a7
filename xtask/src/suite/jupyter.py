"""A Jupyter kernel and its clients, with pyzmq on the library that the first argument names.

Every wait has a deadline, and the whole has one: what hangs fails, and says where.
"""

import faulthandler
import os
import sys
import tempfile
import threading
import time

import nbformat
import zmq
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

LIBRARY = os.path.realpath(sys.argv[1])
WAIT_S = 30
ALL_S = 150
MIB = 1 << 20
# Transports, and whether CURVE is a must.
WAYS = {"tcp": ("tcp", "disabled"), "ipc": ("ipc", "disabled"), "tcp with CURVE": ("tcp", "required")}

MAPPED = """
def mapped():
    import os
    with open("/proc/self/maps") as maps:
        files = {line.split(maxsplit=5)[5].strip() for line in maps if "/" in line}
    return sorted(file for file in files if os.path.basename(file).startswith("libzmq"))
"""
exec(MAPPED)

CELLS = {
    "library": MAPPED + "import zmq\nprint(mapped(), zmq.zmq_version())",
    "streams": "import sys\nprint('to stdout')\nprint('to stderr', file=sys.stderr)",
    "value": "number = 6 * 7\nnumber",
    "rich": "from IPython.display import HTML, display\nshown = display(HTML('<b>first</b>'), display_id=True)",
    "update": "shown.update(HTML('<b>second</b>'))",
    "error": "raise ValueError('as told')",
    "after": "number",
    "order": "for i in range(2000):\n    print(i, flush=True)",
    "large": f"print('x' * {4 * MIB})",
    "await": "import asyncio\nasync def later():\n    await asyncio.sleep(0)\n    return 'waited'\nawait later()",
    "thread": "import threading\nt = threading.Thread(target=print, args=('of a thread',))\nt.start()\nt.join()",
    "process": "import multiprocessing\nchild = multiprocessing.get_context('fork').Process(target=print, args=('of a child',))\n"
    "child.start()\nchild.join(20)\nprint('exit', child.exitcode)",
}


def check(what, is_so, seen=None):
    if not is_so:
        raise AssertionError(f"{what}: {seen!r:.2000}")
    check.passed += 1
    print(f"pass     {what}", flush=True)


check.passed = 0


def texts(cell, name="stdout"):
    return "".join(out["text"] for out in cell["outputs"] if out["output_type"] == "stream" and out["name"] == name)


def data(cell, kind):
    return [out["data"] for out in cell["outputs"] if out["output_type"] == kind]


def notebook(way, folder):
    """All cells, by nbclient and its own asyncio sockets."""
    cells = {name: nbformat.v4.new_code_cell(source) for name, source in CELLS.items()}
    cells["error"].metadata["tags"] = ["raises-exception"]
    book = nbformat.v4.new_notebook(cells=list(cells.values()))
    NotebookClient(book, timeout=WAIT_S, km=manager(way, folder)).execute()
    done = dict(zip(CELLS, book.cells))

    def say(what, is_so, name):
        check(f"{way}: {what}", is_so, done[name]["outputs"])

    say("the kernel runs on our library", texts(done["library"]).strip() == f"{[LIBRARY]} 4.3.5", "library")
    say("stdout and stderr", (texts(done["streams"]), texts(done["streams"], "stderr")) == ("to stdout\n", "to stderr\n"), "streams")
    say("a value", [one["text/plain"] for one in data(done["value"], "execute_result")] == ["42"], "value")
    say("a rich display, changed later", [one["text/html"] for one in data(done["rich"], "display_data")] == ["<b>second</b>"], "rich")
    errors = [(out["ename"], out["evalue"]) for out in done["error"]["outputs"] if out["output_type"] == "error"]
    say("an error", errors == [("ValueError", "as told")], "error")
    say("the cell after it", [one["text/plain"] for one in data(done["after"], "execute_result")] == ["42"], "after")
    say("2000 outputs in order", texts(done["order"]).split() == [str(i) for i in range(2000)], "order")
    say("an output of 4 MiB", texts(done["large"]) == "x" * (4 * MIB) + "\n", "large")
    say("an awaited value", [one["text/plain"] for one in data(done["await"], "execute_result")] == ["'waited'"], "await")
    say("the output of a thread", texts(done["thread"]) == "of a thread\n", "thread")
    say("the output of a forked child", sorted(texts(done["process"]).splitlines()) == ["exit 0", "of a child"], "process")
    counts = [cell["execution_count"] for cell in book.cells]
    check(f"{way}: every cell ran once", counts == list(range(1, len(CELLS) + 1)), counts)


def manager(way, folder):
    transport, encryption = WAYS[way]
    made = KernelManager(transport=transport, transport_encryption=encryption)
    if transport == "ipc":
        made.ip = os.path.join(folder, "kernel")
    return made


def run(client, code, **more):
    """The reply and what was published for it, in order."""
    seen = []
    reply = client.execute_interactive(code, timeout=WAIT_S, output_hook=seen.append, **more)
    return reply["content"], [(message["msg_type"], message["content"]) for message in seen]


def stdout(seen):
    return "".join(content["text"] for kind, content in seen if kind == "stream")


def until(next_message, kind):
    """The next message of that kind."""
    ends = time.monotonic() + WAIT_S
    while True:
        message = next_message(timeout=max(ends - time.monotonic(), 0))
        if message["msg_type"] == kind:
            return message["content"]


def talk(kernel, way):
    """What a notebook does not do by itself, by the blocking client."""
    client = kernel.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=WAIT_S)

    def say(what, is_so, seen=None):
        check(f"{way}: {what}", is_so, seen)

    answer = lambda request: client.input("an answer to " + request["content"]["prompt"])
    _, seen = run(client, "print(input('a question'))", allow_stdin=True, stdin_hook=answer)
    say("input is asked for and given", stdout(seen) == "an answer to a question\n", seen)

    client.complete("import o", 8)
    found = until(client.get_shell_msg, "complete_reply")["matches"]
    say("completion", "os" in " ".join(found), found)

    run(client, "def echo(comm, message):\n    comm.on_msg(lambda message: comm.send({'back': message['content']['data']}))\n"
        "get_ipython().kernel.comm_manager.register_target('echo', echo)")
    comm = {"comm_id": "one", "data": {}}
    for kind, content in [("comm_open", {**comm, "target_name": "echo"}), ("comm_msg", {**comm, "data": {"n": 7}})]:
        client.shell_channel.send(client.session.msg(kind, content))
    back = until(client.get_iopub_msg, "comm_msg")["data"]
    say("a comm echoes", back == {"back": {"n": 7}}, back)

    marker = "print('asleep', flush=True)\nimport time\ntime.sleep(600)"
    asleep = []

    def interrupter(message):
        """Once: a busy kernel may publish the line in two, and a second signal would end the answer to the first."""
        if message["msg_type"] == "stream" and not asleep:
            asleep.append(message)
            kernel.interrupt_kernel()

    reply = client.execute_interactive(marker, timeout=WAIT_S, output_hook=interrupter)["content"]
    say("an interrupt ends a cell", reply["status"] == "error" and reply["ename"] == "KeyboardInterrupt", reply)
    say("and the kernel goes on", stdout(run(client, "print('on')")[1]) == "on\n")
    say("it beats", client.is_alive() and client.hb_channel.is_beating())

    second = kernel.blocking_client()
    second.start_channels()
    second.wait_for_ready(timeout=WAIT_S)
    client.execute("print('to everyone')")
    heard = until(second.get_iopub_msg, "stream")["text"]
    say("a second client hears the first", heard == "to everyone\n", heard)
    second.stop_channels()

    run(client, "kept = 1")
    first = kernel.provisioner.pid
    kernel.restart_kernel(now=False)
    client.wait_for_ready(timeout=WAIT_S)
    reply, _ = run(client, "kept")
    say("a restart is another process, which knows nothing", kernel.provisioner.pid != first and reply["ename"] == "NameError", reply)

    client.shutdown()
    until(client.get_control_msg, "shutdown_reply")
    status = kernel.provisioner.process.wait(timeout=WAIT_S)
    say("a shutdown by message ends the process", status == 0, status)
    client.stop_channels()


def main():
    check("the client runs on our library", (mapped(), zmq.zmq_version()) == ([LIBRARY], "4.3.5"), mapped())
    for way in WAYS:
        with tempfile.TemporaryDirectory() as folder:
            notebook(way, folder)
            kernel = manager(way, folder)
            kernel.start_kernel()
            try:
                talk(kernel, way)
            finally:
                if kernel.is_alive():
                    kernel.shutdown_kernel(now=True)
                kernel.cleanup_resources()
    zmq.Context.instance().term()
    check("the context ends", True)
    left = [thread.name for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]
    check("no thread is left", not left, left)
    print(f"{check.passed} passed, 0 failed, 0 skipped")


if __name__ == "__main__":
    faulthandler.dump_traceback_later(ALL_S, exit=True)
    main()
