package dev.zhulong.distribute;

class RanksExchangeOverTcpTest extends CollectivesContract {
    @Override
    Collectives over(Mesh mesh) {
        return new SocketCollectives(mesh);
    }
}
