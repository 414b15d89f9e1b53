package com.example.bank.world

import java.net.InetAddress
import java.net.ServerSocket

/** Free ports of this computer. */
object Ports {
  /** A port that is free together with the one above, which a gateway's listener for operators takes. */
  fun two(): Int {
    val loopback = InetAddress.getLoopbackAddress()
    repeat(ATTEMPTS) {
      ServerSocket(0, 1, loopback).use { first ->
        if (runCatching { ServerSocket(first.localPort + 1, 1, loopback).close() }.isSuccess) return first.localPort
      }
    }
    error("no two free ports")
  }

  private const val ATTEMPTS = 50
}
