from electron_ipc.v1 import ipc_pb2 as pb
from renderer.wire.parcel import Parcel, failed, refused


def test_a_refusal_is_a_reply_that_never_waits() -> None:
    parcel = refused(7, "UNIMPLEMENTED", "what is that?")
    assert (parcel.counted, parcel.reply) == (False, True)
    message = pb.Message.FromString(parcel.data)
    assert message.id == 7
    assert message.reply.failure.reason == "UNIMPLEMENTED"
    assert message.reply.failure.message == "what is that?"


def test_a_failure_keeps_what_it_says() -> None:
    failure = pb.Failure(reason="REMOTE_ERROR", name="ValueError", message="boom")
    parcel = failed(2**63 - 1, failure)
    expected = pb.Message(id=2**63 - 1, reply=pb.Reply(failure=failure))
    assert parcel == Parcel(expected.SerializeToString(), counted=False, reply=True)
