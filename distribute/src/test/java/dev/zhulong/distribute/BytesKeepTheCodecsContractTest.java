package dev.zhulong.distribute;

class BytesKeepTheCodecsContractTest extends CodecContract {
    @Override
    Codec codec() {
        return new Int8Codec();
    }

    @Override
    double share() {
        return 0.26;
    }
}
