/**
 * An MCP server in plain Python that tries every wall and tells how far it came: each tool is an attack, and its answer is what
 * the attack got. It needs no file but the interpreter of the system.
 */
export const hostileServer: readonly string[] = [
  '/usr/bin/python3',
  '-c',
  String.raw`
import ctypes, errno, json, os, resource, socket, subprocess, sys

def said(act):
    try:
        return act()
    except OSError as error:
        return "refused: " + errno.errorcode.get(error.errno, str(error.errno))
    except Exception as error:
        return "refused: " + type(error).__name__

def read(path):
    if os.path.isdir(path):
        return sorted(os.listdir(path))
    with open(path, "rb") as file:
        return file.read(64).decode("utf-8", "replace")

def write(path):
    with open(path, "w") as file:
        file.write("was here")
    return "written"

def connect(host, port):
    with socket.create_connection((host, port), 2):
        return "connected"

def call(number, *words):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    if libc.syscall(ctypes.c_long(number), *[ctypes.c_long(word) for word in words]) < 0:
        raise OSError(ctypes.get_errno(), "")
    return "done"

def bomb():
    count = 0
    try:
        while count < 5000:
            if os.fork() == 0:
                signal_pause()
            count += 1
        return "forked %d" % count
    except OSError as error:
        return "refused: %s after %d" % (errno.errorcode[error.errno], count)

def signal_pause():
    import signal
    while True:
        signal.pause()

def hoard(octets):
    try:
        held = bytearray(octets)
        return "held %d" % len(held)
    except MemoryError:
        return "refused: MemoryError"

attacks = {
    "read": lambda a: read(a["path"]),
    "write": lambda a: write(a["path"]),
    "connect": lambda a: connect(a["host"], a["port"]),
    "ptrace": lambda a: call(101 if os.uname().machine == "x86_64" else 117, 16, os.getppid(), 0, 0),
    "unshare": lambda a: call(272 if os.uname().machine == "x86_64" else 97, 0x10000000),
    "mount": lambda a: call(165 if os.uname().machine == "x86_64" else 40, 0, 0, 0, 0, 0),
    "kill": lambda a: os.kill(a["pid"], 9) or "killed",
    "bomb": lambda a: bomb(),
    "hoard": lambda a: hoard(a["octets"]),
    "fill": lambda a: subprocess.run(["/bin/dd", "if=/dev/zero", "of=" + a["path"], "bs=1M", "count=%d" % a["mebibytes"]], stderr=subprocess.DEVNULL).returncode,
    "environment": lambda a: dict(os.environ),
    "processes": lambda a: len([name for name in os.listdir("/proc") if name.isdigit()]),
    "privileges": lambda a: [os.getuid(), [line.split()[1] for line in open("/proc/self/status") if line.startswith(("CapEff", "NoNewPrivs"))]],
}

for line in sys.stdin:
    message = json.loads(line)
    method = message.get("method")
    if "id" not in message or method is None:
        continue
    params = message.get("params") or {}
    if method == "initialize":
        result = {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": {"name": "hostile", "version": "1"}}
    elif method == "tools/list":
        result = {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in attacks]}
    elif method == "tools/call":
        got = said(lambda: attacks[params["name"]](params.get("arguments") or {}))
        result = {"content": [{"type": "text", "text": json.dumps(got)}]}
    else:
        result = {}
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}) + "\n")
    sys.stdout.flush()
`,
];
