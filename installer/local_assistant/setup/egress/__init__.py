"""What leaves this machine while the assistant is used: ``jupyter assistant doctor --egress``.

Contract: :func:`.proof.prove` runs one session of a JupyterLab of its own and returns what its
processes tried to contact. By system calls on Linux (:mod:`.tracer`); elsewhere by looking at
open connections (:mod:`.polling`), which is the poorer proof and says so. Nothing here is
imported by anything but the doctor and the tests.
"""
